"""The files below a folder, including broken or circular links, FIFOs and odd names."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mlpnas.datasets._listing import Stamp, escape

# endings that people use for images, readable here or not
ENDINGS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".gif"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".avif", ".avifs", ".heic", ".heif", ".hif", ".jp2", ".j2k", ".jxl"}
    | {".svg", ".psd", ".dcm", ".tga", ".ico", ".icns", ".eps", ".exr", ".dng", ".nef", ".cr2", ".cr3", ".arw", ".raw"}
)
_JUNK = frozenset({"thumbs.db", "desktop.ini", "__macosx", "@eadir", "lost+found", "__pycache__"})
_DEEPEST = 32


@dataclass(frozen=True)
class Found:
    """The files below a folder; names are relative to it, with "/".

    Attributes:
        images: (name, problem or "").
        others: names of files without an image ending.
        empty: names of folders without files.
        skipped: (name, reason).
    """

    images: list[tuple[str, str]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    stamp: Stamp = field(default_factory=Stamp)


def is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in ENDINGS


def is_hidden(name: str) -> bool:
    """Return whether a name is hidden or a system file, like `._x.png`, `.DS_Store` or `Thumbs.db`."""
    return name.startswith(".") or name.lower() in _JUNK


def walk(root: Path) -> Found:
    """Return the files below `root`. A path that cannot be read counts as an image with a problem."""
    found = Found()
    _walk(str(root), "", found, ())
    return found


def _walk(path: str, name: str, found: Found, above: tuple[tuple[int, int], ...]) -> None:
    if len(above) > _DEEPEST:
        found.images.append((name, f"more than {_DEEPEST} folders deep"))
        return
    try:
        about = os.stat(path)
        here = (about.st_dev, about.st_ino)
        if here in above:
            found.images.append((name, "a link to a folder that contains it"))
            return
        with os.scandir(path) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        found.images.append((name, f"a folder that cannot be read ({error.strerror})"))
        return
    if not inside:
        found.empty.append(name)
    for entry in inside:
        below = f"{name}/{entry.name}" if name else entry.name
        if is_hidden(entry.name):
            found.skipped.append((escape(below), "hidden"))
        elif _is_folder(entry):
            _walk(entry.path, below, found, (*above, here))
        else:
            _add_file(entry, below, found)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a circular link
        return False


def _add_file(entry: "os.DirEntry[str]", name: str, found: Found) -> None:
    try:
        about = entry.stat()
    except OSError as error:
        problem = "a broken link" if entry.is_symlink() else f"cannot be read ({error.strerror})"
        found.images.append((name, problem))
        return
    found.stamp.add(entry.path, about)
    if not is_image(name):
        found.others.append(name)
    else:
        found.images.append((name, "" if stat.S_ISREG(about.st_mode) else "not a regular file"))


def has_image(folder: Path) -> bool:
    """Return whether there is any image below a folder; stops at the first one."""
    return next(_some_images(folder, 8), False)


def _some_images(folder: Path, levels: int) -> Iterator[bool]:
    for entry in visible(folder):
        if os.path.isdir(entry):
            yield from _some_images(entry, levels - 1) if levels else ()
        elif is_image(entry.name):
            yield True


def visible(folder: Path) -> Iterator[Path]:
    """Yield the entries of a folder that are not hidden; none if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            yield from (Path(entry.path) for entry in entries if not is_hidden(entry.name))
    except OSError:
        return
