"""A run that is kept elsewhere, and its copy on this machine. What stands there is the truth; a copy may be deleted.

The copy remembers, in `.mirror.json`, size and time of every file on both sides as they were when both were equal: so
it is known what has changed on which side since, and only that is sent or fetched. Weights are not copied; whoever
wants some fetches them.
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from time import time_ns
from typing import Any, NamedTuple

from mlpnas import cache, remote

REPORT = "report.html"
_MEMORY = ".mirror.json"
_COPIED = ("epochs/", "trials/", "space.yaml", REPORT, "run.json")  # in this order: no trial without its curve
Stamp = list[int] | None  # bytes, time of last change in ns; None: no file


class _Pair(NamedTuple):
    """A file on both sides."""

    here: Stamp = None
    there: Stamp = None


class Mirror:
    """
    Attributes:
        uri: where the run is kept.
        folder: the copy.
    """

    def __init__(self, uri: str, folder: Path) -> None:
        self.uri, self.folder = uri, folder
        self._files, self._root = remote.filesystem(uri)
        stored = cache.read_json(folder / _MEMORY) or {}
        self._equal = {name: _Pair(*pair) for name, pair in stored.get("files", {}).items()}

    @classmethod
    def at(cls, uri: str, use: str = "read") -> "Mirror":
        """With its place in the cache folder.

        Args:
            use: a copy for each; what a search holds may not have arrived there yet, and no reader shall disturb it.
        """
        uri = uri.rstrip("/")
        key = sha256(uri.encode()).hexdigest()[:12]
        return cls(uri, cache.folder("runs", f"{key}-{use}") / (remote.file_name(uri) or "run"))

    @classmethod
    def of(cls, folder: Path) -> "Mirror | None":
        """The one whose copy `folder` is, if it is one."""
        stored = cache.read_json(folder / _MEMORY)
        return cls(stored["uri"], folder) if stored else None

    def pull(self) -> None:
        """Make the copy equal to what is there.

        Raises:
            Unreachable: it cannot be reached.
        """
        while not self._pull_all():
            pass

    def _pull_all(self) -> bool:
        """Whether all that was listed could be fetched; the writer may have joined parts since."""
        there, here = self.there(), self.here()
        for name in {*here} - {*there}:
            (self.folder / name).unlink(missing_ok=True)
        self._equal = {name: pair for name, pair in self._equal.items() if name in there}
        is_whole = all(
            self._fetch(name) for name, stamp in there.items() if _Pair(here.get(name), stamp) != self._equal.get(name)
        )
        self._remember()
        return is_whole

    def reconcile(self) -> Path | None:
        """As `pull`, but changes of the copy that have not arrived there stay, to be pushed.

        Where both sides have changed, another search has gone on there meanwhile: the copy is set aside for a new one.

        Returns:
            The folder that was set aside, or None.
        """
        there, here = self.there(), self.here()
        for name in {*there, *here, *self._equal}:
            pair = _Pair(here.get(name), there.get(name))
            if pair != self._equal.get(name) and self._is_same(name, pair):
                self._equal[name] = pair  # a crash kept the copy from remembering it
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
        """Whether another search has written there; a report may come from anybody."""
        names = {*there, *self._equal} - {REPORT}
        return any(there.get(name) != self._equal.get(name, _Pair()).there for name in names)

    def changes(self) -> list[str]:
        """Names of what has changed in the copy, in the order of sending; last what is gone."""
        here = self.here()
        changed = [name for name, stamp in here.items() if stamp != self._equal.get(name, _Pair()).here]
        return sorted(changed, key=_kind) + [name for name in self._equal if name not in here]

    def push(self) -> None:
        """Send what has changed in the copy, then delete there what the copy has no more.

        A wider part so arrives before those go that it covers, and a crash in between loses and repeats nothing.

        Raises:
            OSError: it cannot be reached; what has arrived is remembered.
        """
        changes = self.changes()
        try:
            for name in changes:
                self._send(name)
        finally:
            if changes:
                self._remember()

    def here(self) -> dict[str, Stamp]:
        """What there is in the copy."""
        paths = [path for kind in _COPIED for path in self.folder.glob(kind + "*" if kind.endswith("/") else kind)]
        names = [path.relative_to(self.folder).as_posix() for path in paths]
        return {name: self._stamp_here(name) for name in names if _is_copied(name)}

    def there(self) -> dict[str, Stamp]:
        """What is to be in the copy.

        Raises:
            Unreachable: it cannot be reached.
        """
        return {name: stamp for name, stamp in self.files() if _is_copied(name)}

    def files(self, below: str = "") -> Iterator[tuple[str, Stamp]]:
        """All files there, by their names from the run's folder.

        Raises:
            Unreachable: it cannot be reached.
        """
        from pyarrow.fs import FileSelector

        selector = FileSelector(f"{self._root}/{below}".rstrip("/"), allow_not_found=True, recursive=True)
        try:
            infos = self._files.get_file_info(selector)
        except OSError as error:
            raise remote.unreachable(self.uri, error) from None
        for info in infos:
            if info.is_file:
                yield info.path.removeprefix(self._root).lstrip("/"), _stamp(info)

    def join(self, *names: str) -> str:
        """The URI of a file of the run."""
        return remote.join(self.uri, *names)

    def fetch(self, name: str) -> Path:
        """Where a file that is not copied of itself now stands in the copy, if there is one.

        Raises:
            Unreachable: it cannot be reached.
        """
        if not self._fetch(name):
            (self.folder / name).unlink(missing_ok=True)
        return self.folder / name

    def _fetch(self, name: str) -> bool:
        """Whether there is such a file."""
        try:
            stamp, content = self._stamp_there(name), self._read(name)
        except FileNotFoundError:
            return False
        remote.write_bytes(self.folder / name, content)
        if _is_copied(name):
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
        """Whether a file is equal on both sides, or on neither."""
        if not pair.here or not pair.there:
            return pair.here == pair.there
        if pair.here[0] != pair.there[0]:
            return False
        return (self.folder / name).read_bytes() == self._read(name)

    def _read(self, name: str) -> bytes:
        """Raises FileNotFoundError, Unreachable."""
        try:
            return remote.read_bytes(self.join(name))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise remote.unreachable(self.uri, error) from None

    def _stamp_here(self, name: str) -> Stamp:
        try:
            status = (self.folder / name).stat()
        except FileNotFoundError:
            return None
        return [status.st_size, status.st_mtime_ns]

    def _stamp_there(self, name: str) -> Stamp:
        return _stamp(self._files.get_file_info(f"{self._root}/{name}"))

    def _remember(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        cache.write_json(self.folder / _MEMORY, {"uri": self.uri, "files": self._equal})


def _stamp(info: Any) -> Stamp:
    return [info.size, info.mtime_ns or 0] if info.is_file else None


def _is_copied(name: str) -> bool:
    is_hidden = remote.file_name("/" + name).startswith(".")
    return not is_hidden and any(name.startswith(kind) if kind.endswith("/") else name == kind for kind in _COPIED)


def _kind(name: str) -> tuple[int, str]:
    """By its place in _COPIED, then by name."""
    return next(place for place, kind in enumerate(_COPIED) if name.startswith(kind)), name
