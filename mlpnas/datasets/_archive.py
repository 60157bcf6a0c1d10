"""Reading of files inside .zip and .tar archives, without extraction and with limits on size."""

import os
import stat
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from zipfile import ZipFile, ZipInfo

from mlpnas.datasets._listing import Encoded, Stamp, escape
from mlpnas.datasets._open import MOST_BYTES, Unreadable
from mlpnas.datasets._tree import Tree
from mlpnas.datasets._walk import is_hidden, is_image
from mlpnas.errors import DataError

_MOST_RATIO = 1100  # the limit of deflate; an archive that claims more has overlapping members
_MOST_TEXT = 1 << 20  # bytes of a label file
_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


@dataclass
class Contents:
    """The names of an archive's files: images with their problem or ""; other files; skipped ones."""

    images: list[tuple[str, str]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def add(self, name: str, problem: str) -> None:
        name = name.removeprefix("./")
        if any(is_hidden(part) for part in name.split("/") if part != ".."):
            self.skipped.append((escape(name), "hidden"))
        elif name in self.seen:
            self.skipped.append((escape(name), "a second file of this name"))
        elif is_image(name):
            self.images.append((name, problem or _leaves(name)))
        else:
            self.others.append(name)
        self.seen.add(name)

    def empty(self) -> list[str]:
        parents = {parent for name in self.seen for parent in _parents(name)}
        return sorted(self.folders - parents)


class Archive(Protocol):
    path: Path
    contents: Contents

    def read(self, names: Sequence[str]) -> Iterator[Encoded]: ...


def is_tar(path: Path) -> bool:
    return path.name.lower().endswith(_SUFFIXES)


def tree_of(archive: Archive) -> Tree:
    """Return the archive as folders of images."""
    contents = archive.contents
    return Tree(
        name=escape(archive.path.name),
        images=contents.images,
        others=contents.others,
        empty=contents.empty(),
        skipped=contents.skipped,
        read=archive.read,
        stamp=str(stamp_of([archive.path])),
    )


def stamp_of(files: Sequence[Path]) -> Stamp:
    stamp = Stamp()
    for file in files:
        with reading(file):
            stamp.add(file, file.stat())
    return stamp


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn every error of the block into a DataError that names the archive."""
    try:
        yield
    except (DataError, Unreadable, GeneratorExit):
        raise
    except Exception as error:  # the readers raise errors of any class for damaged bytes
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(f"{escape(path)}: cannot be read ({escape(reason, 120)})") from None


class ZipArchive:
    """A .zip archive; raises DataError if it is none, or claims more than it can hold."""

    def __init__(self, path: Path) -> None:
        self.path, self.contents = path, Contents()
        with reading(path):
            self._zip = ZipFile(path)
            claimed = sum(info.file_size for info in self._zip.infolist())
            if claimed > _MOST_RATIO * path.stat().st_size:
                raise DataError(f"{escape(path)}: claims {claimed:,} bytes, more than its size can hold")
            self._infos = {info.filename.removeprefix("./"): info for info in self._zip.infolist()}
            for info in sorted(self._zip.infolist(), key=lambda info: info.filename.split("/")):
                if info.filename.endswith("/"):
                    self.contents.folders.add(info.filename.rstrip("/"))
                else:
                    self.contents.add(info.filename, _zip_problem(info))

    def read(self, names: Sequence[str]) -> Iterator[Encoded]:
        return (self._reader(name) for name in names)

    def _reader(self, name: str) -> Callable[[], bytes]:
        def read() -> bytes:
            with self._zip.open(self._infos[name]) as file:
                return _at_most(file.read(MOST_BYTES + 1))

        return read


class TarArchive:
    """A .tar archive. A compressed one is read from its beginning in every pass.

    Attributes:
        texts: name -> content of the small files with one of the `endings`.

    Raises:
        DataError: it is no .tar.
    """

    def __init__(self, path: Path, endings: tuple[str, ...] = ()) -> None:
        self.path, self.contents = path, Contents()
        self.texts: dict[str, bytes] = {}
        self._places: dict[str, tuple[int, int]] = {}
        with reading(path):
            self._is_plain = _is_plain(path)
            for tar, member in self._members():
                self._look(tar, member, endings)
        if self._is_plain:
            if not _has_end(path):
                self.contents.skipped.append((escape(path.name), "its end is missing: it may have been cut short"))
            self.contents.images.sort(key=lambda image: image[0].split("/"))

    def read(self, names: Sequence[str]) -> Iterator[Encoded]:
        if self._is_plain:
            return (self._reader(name) for name in names)
        return self._stream(names)

    def _look(self, tar: tarfile.TarFile, member: tarfile.TarInfo, endings: tuple[str, ...]) -> None:
        name = member.name.removeprefix("./")
        if member.isdir():
            self.contents.folders.add(name)
            return
        is_known = name in self.contents.seen
        self.contents.add(name, _tar_problem(member))
        if is_known or not member.isfile():
            return
        self._places[name] = (member.offset_data, member.size)
        if name.endswith(endings) and member.size <= _MOST_TEXT and (file := tar.extractfile(member)):
            self.texts[name] = file.read(_MOST_TEXT)

    def _members(self) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
        with tarfile.open(self.path, "r:" if self._is_plain else "r|*") as tar:
            for member in tar:
                yield tar, member
                tar.members = []  # type: ignore[attr-defined]  # tarfile would keep all of them

    def _reader(self, name: str) -> Callable[[], bytes]:
        def read() -> bytes:
            offset, size = self._places[name]
            with self.path.open("rb") as file:
                data = os.pread(file.fileno(), size, offset)
            if len(data) < size:
                raise Unreadable("cut short")
            return data

        return read

    def _stream(self, names: Sequence[str]) -> Iterator[Encoded]:
        """Yield the members `names`, which are in the archive's order."""
        wanted = iter(names)
        next_name = next(wanted, None)
        with reading(self.path):
            for tar, member in self._members():
                if next_name is None:
                    return
                if member.name.removeprefix("./") == next_name:
                    file = tar.extractfile(member) if member.isfile() and member.size <= MOST_BYTES else None
                    yield file.read(MOST_BYTES) if file else None
                    next_name = next(wanted, None)


def _is_plain(path: Path) -> bool:
    try:
        with tarfile.open(path, "r:"):
            return True
    except tarfile.ReadError:
        return False


def _has_end(path: Path) -> bool:
    """Return whether a .tar ends with the empty blocks that mark its end."""
    with path.open("rb") as file:
        file.seek(-min(tarfile.BLOCKSIZE, path.stat().st_size), os.SEEK_END)
        return not any(file.read())


def _tar_problem(member: tarfile.TarInfo) -> str:
    if not member.isfile():
        return "not a regular file"
    if member.issparse():
        return "stored with holes; pack it without --sparse"
    return f"larger than {MOST_BYTES >> 20} MiB" if member.size > MOST_BYTES else ""


def _zip_problem(info: ZipInfo) -> str:
    if info.flag_bits & 1:
        return "encrypted"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link"
    return f"larger than {MOST_BYTES >> 20} MiB" if info.file_size > MOST_BYTES else ""


def _leaves(name: str) -> str:
    is_outside = name.startswith("/") or ".." in name.split("/") or (len(name) > 1 and name[1] == ":")
    return "a name that leads out of the archive" if is_outside else ""


def _at_most(data: bytes) -> bytes:
    if len(data) > MOST_BYTES:
        raise Unreadable(f"larger than {MOST_BYTES >> 20} MiB")
    return data


def _parents(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rsplit("/", 1)[0]
        yield name
