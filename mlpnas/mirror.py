"""The local copy of a run at a URI. The remote run is the truth; the copy may be deleted.

The copy remembers, in `.mirror.json`, the size and time of every file on both sides when both were equal. So it knows
which side has changed, and only changes are sent or fetched. Weights are fetched one by one when they are needed.
"""

from collections.abc import Iterator
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from stat import S_ISREG
from time import time_ns
from typing import Any, NamedTuple

from mlpnas import cache, remote, run_files
from mlpnas.errors import RunError
from mlpnas.plain_text import quoted
from mlpnas.run_files import EPOCHS, MANIFEST, REPORT, SPACE, TRIALS, is_copied

_MEMORY = ".mirror.json"
_LONGEST_NAME = 200  # bytes
_ORDER = (EPOCHS, TRIALS, SPACE, REPORT, MANIFEST)  # of sending: a trial's curve comes before the trial
Stamp = list[int] | None  # bytes, time of last change in ns; None: no file


class _Pair(NamedTuple):
    """The stamps of a file on both sides."""

    here: Stamp = None
    there: Stamp = None


class Mirror:
    """A remote run and its local copy.

    Attributes:
        uri: the place of the run. folder: the copy.
        missing: files that were listed when it was last copied, but could not be fetched.
    """

    def __init__(self, uri: str, folder: Path) -> None:
        self.uri, self.folder = uri, folder
        stored = cache.read_json(folder / _MEMORY) or {}
        self._equal = {name: _Pair(*pair) for name, pair in _pairs(stored.get("files")) if is_copied(name)}
        self.missing = [name for name in _list(stored.get("missing")) if is_copied(name)]

    @cached_property
    def _filesystem(self) -> tuple[Any, str]:
        """The remote filesystem and its path, connected on first use: `changes` works without it."""
        return remote.filesystem(self.uri)

    @classmethod
    def at(cls, uri: str, use: str = "read") -> "Mirror":
        """Return the mirror of `uri` in the cache folder.

        Args:
            use: readers and the search keep separate copies, because the search's copy may be ahead of the remote one.
        """
        uri = uri.rstrip("/")
        return cls(uri, cache.folder("runs", f"{_key(uri)}-{use}") / _folder_name(uri))

    @classmethod
    def of(cls, folder: Path) -> "Mirror | None":
        """Return the mirror whose copy is `folder`, or None.

        Only a folder at the place that `at` gives to its URI counts: any other may come from anybody.
        """
        folder = folder.resolve()
        if folder.parent.parent != cache.path("runs").resolve():
            return None
        uri = (cache.read_json(folder / _MEMORY) or {}).get("uri")
        if not isinstance(uri, str) or folder.name != _folder_name(uri):
            return None
        return cls(uri, folder) if folder.parent.name.startswith(f"{_key(uri)}-") else None

    def pull(self) -> None:
        """Make the copy equal to the remote run.

        Raises:
            Unreachable: the run cannot be reached.
        """
        before: dict[str, Stamp] | None = None
        there = self.list_there()
        while not self._pull_all(there) and there != before:  # the writer may have merged parts meanwhile: list again
            before, there = there, self.list_there()

    def _pull_all(self, there: dict[str, Stamp]) -> bool:
        """Fetch all changes; return whether every listed file could be fetched."""
        here = self.list_here()
        for name in {*here} - {*there}:
            (self.folder / name).unlink(missing_ok=True)
        self._equal = {name: pair for name, pair in self._equal.items() if name in there}
        wanted = [name for name, stamp in there.items() if _Pair(here.get(name), stamp) != self._equal.get(name)]
        self.missing = [name for name in wanted if not self._fetch(name)]
        self._remember()
        return not self.missing

    def reconcile(self) -> Path | None:
        """Pull, but keep changes of the copy that were not pushed yet.

        If both sides have changed, another search has continued the run: the copy is set aside and a new one made.

        Returns:
            The folder that was set aside, or None.
        """
        there, here = self.list_there(), self.list_here()
        for name in {*there, *here, *self._equal}:
            pair = _Pair(here.get(name), there.get(name))
            if pair != self._equal.get(name) and self._is_same(name, pair):
                self._equal[name] = pair  # a crash came before the copy remembered it
        self._equal = {name: pair for name, pair in self._equal.items() if pair.here or pair.there}
        aside = None
        if self.changes() and self._has_moved(there):
            aside = self.folder.with_name(f"{self.folder.name}-{time_ns()}")
            self.folder.rename(aside)
            self._equal = {}
        if not self.changes():
            self.pull()
        self._remember()
        return aside

    def _has_moved(self, there: dict[str, Stamp]) -> bool:
        """Return whether another search has written to the remote run; anybody may write a report."""
        names = {*there, *self._equal} - {REPORT, *self.missing}
        return any(there.get(name) != self._equal.get(name, _Pair()).there for name in names)

    def changes(self) -> list[str]:
        """Return the names of files changed in the copy, in the order of sending; deleted ones come last."""
        here = self.list_here()
        changed = [name for name, stamp in here.items() if stamp != self._equal.get(name, _Pair()).here]
        return sorted(changed, key=_kind) + [name for name in self._equal if name not in here]

    def push(self) -> None:
        """Send the copy's changes, then delete remote files that the copy no longer has.

        So a merged part arrives before the parts it covers are deleted, and a crash loses and repeats nothing.

        Raises:
            OSError: the run cannot be reached; files that arrived are remembered.
        """
        changes = self.changes()
        try:
            for name in changes:
                self._send(name)
        finally:
            if changes:
                self._remember()

    def list_here(self) -> dict[str, Stamp]:
        """Return the stamps of the copy's files."""
        parts = [path for folder in (EPOCHS, TRIALS) for path in (self.folder / folder).glob("part-*.parquet")]
        names = [path.relative_to(self.folder).as_posix() for path in parts] + [SPACE, REPORT, MANIFEST]
        stamps = {name: self._stamp_here(name) for name in names if is_copied(name)}
        return {name: stamp for name, stamp in stamps.items() if stamp}

    def list_there(self) -> dict[str, Stamp]:
        """Return the stamps of the remote files that a copy holds.

        Raises:
            Unreachable: the run cannot be reached.
        """
        return {name: stamp for name, stamp in self.files() if is_copied(name)}

    def files(self, below: str = "") -> Iterator[tuple[str, Stamp]]:
        """Yield the remote files by name, relative to the run's folder.

        Raises:
            Unreachable: the run cannot be reached. RunError: a name leads out of the run.
        """
        from pyarrow.fs import FileSelector

        files, root = self._filesystem
        selector = FileSelector(f"{root}/{below}".rstrip("/"), allow_not_found=True, recursive=True)
        try:
            infos = files.get_file_info(selector)
        except OSError as error:
            raise remote.unreachable(self.uri, error) from None
        for info in infos:
            if info.is_file:
                yield self._name(info.path), _stamp(info)

    def _name(self, path: str) -> str:
        """Return the name of a listed file, relative to the run's folder."""
        _, folder = self._filesystem
        root = f"{folder}/" if folder else ""
        if not path.startswith(root):
            raise RunError(f"{self.uri}: lists {quoted(path)}, which lies elsewhere; do not use this run")
        return run_files.check_stays(path.removeprefix(root), self.uri)

    def join(self, *names: str) -> str:
        """Return the URI of a file of the run."""
        return remote.join(self.uri, *names)

    def fetch(self, name: str) -> Path:
        """Fetch a file and return its path in the copy; the path does not exist if there is no such file.

        Raises:
            Unreachable: the run cannot be reached.
        """
        if not self._fetch(run_files.check(name, self.uri)):
            (self.folder / name).unlink(missing_ok=True)
        return self.folder / name

    def _fetch(self, name: str) -> bool:
        """Fetch a file; return whether it exists."""
        try:
            stamp, content = self._stamp_there(name), self._read(name)
        except FileNotFoundError:
            return False
        remote.write_bytes(self.folder / name, content)
        if is_copied(name):
            self._equal[name] = _Pair(self._stamp_here(name), stamp)
        return True

    def _send(self, name: str) -> None:
        here = self._stamp_here(name)
        if here is None:
            remote.delete(self.join(name))
            self._equal.pop(name, None)
        else:
            remote.write_bytes(self.join(name), (self.folder / name).read_bytes())
            self._equal[name] = _Pair(here, self._stamp_there(name))

    def _is_same(self, name: str, pair: _Pair) -> bool:
        """Return whether a file is equal on both sides, or missing on both."""
        if not pair.here or not pair.there:
            return pair.here == pair.there
        if pair.here[0] != pair.there[0]:
            return False
        try:
            return (self.folder / name).read_bytes() == self._read(name)
        except FileNotFoundError:
            return False

    def _read(self, name: str) -> bytes:
        """Return a remote file; raise FileNotFoundError or Unreachable."""
        try:
            return remote.read_bytes(self.join(name))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise remote.unreachable(self.join(name), error) from None

    def _stamp_here(self, name: str) -> Stamp:
        """Return the stamp of a file of the copy; None for a link too, as its target is no part of the copy."""
        try:
            status = (self.folder / name).lstat()
        except FileNotFoundError:
            return None
        return [status.st_size, status.st_mtime_ns] if S_ISREG(status.st_mode) else None

    def _stamp_there(self, name: str) -> Stamp:
        files, root = self._filesystem
        return _stamp(files.get_file_info(f"{root}/{name}"))

    def _remember(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        memory = {"uri": self.uri, "files": self._equal, "missing": self.missing}
        cache.write_json(self.folder / _MEMORY, memory, mode=0o600)  # the URI may hold credentials


def _key(uri: str) -> str:
    return sha256(uri.encode()).hexdigest()[:12]


def _folder_name(uri: str) -> str:
    """Return the name of a run's copy: the run's own name, if a folder can have it."""
    name = remote.file_name(uri)
    is_fit = name.isprintable() and name not in (".", "..") and len(name.encode()) <= _LONGEST_NAME
    return name if name and is_fit else "run"


def _stamp(info: Any) -> Stamp:
    return [info.size, info.mtime_ns or 0] if info.is_file else None


def _pairs(stored: object) -> Iterator[tuple[str, list[Stamp]]]:
    """Yield the remembered stamps of each file; damaged entries are skipped, so their files are fetched again."""
    for name, pair in stored.items() if isinstance(stored, dict) else ():
        if isinstance(pair, list) and len(pair) == 2:
            yield name, pair


def _list(stored: object) -> list[str]:
    return [name for name in stored if isinstance(name, str)] if isinstance(stored, list) else []


def _kind(name: str) -> tuple[int, str]:
    """Return the sort key of a name: its place in _ORDER, then the name."""
    return _ORDER.index(name.partition("/")[0]), name
