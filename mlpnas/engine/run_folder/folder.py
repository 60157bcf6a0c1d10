"""The folder of a running search: one search alone claims a new one, and it must stay where it is."""

import os
from datetime import datetime
from itertools import count
from pathlib import Path
from shlex import quote
from weakref import finalize

from mlpnas.errors import RunError
from mlpnas.run import locate, place_of, runs_folder
from mlpnas.run_files import MANIFEST, SPACE


class FolderGone(RunError):
    """The run folder was moved or deleted while it was searched.

    Attributes:
        now: where it is now, or None if that is unknown.
    """

    def __init__(self, path: Path, now: Path | None) -> None:
        self.now = now
        if now:
            text = (
                f"{path}: was moved to {now} while it was searched, so the search has stopped. All trials that had "
                f"ended are kept there: go on with `mlpnas search --resume --run {quote(str(now))}`"
            )
        else:
            text = f"{path}: was deleted while it was searched, or moved elsewhere, so the search has stopped"
        super().__init__(text)


class ManifestGone(RunError):
    """The run's manifest was deleted while the run was searched.

    Attributes:
        is_back: whether it was written again.
    """

    def __init__(self, path: Path, is_back: bool = False) -> None:
        self.is_back = is_back
        then = (
            f". It was written again: go on with `mlpnas search --resume --run {quote(str(path))}`" if is_back else ""
        )
        super().__init__(f"{path / MANIFEST}: was deleted while it was searched, so the search has stopped{then}")


class HeldFolder:
    """A run folder that is recognised wherever it is moved."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._file = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self._status = os.fstat(self._file)
        finalize(self, os.close, self._file)

    def check(self) -> None:
        """Raise FolderGone if another folder, or none, is at its path, ManifestGone if it holds no manifest."""
        try:
            is_there = os.path.samestat(os.stat(self.path), self._status)
        except (FileNotFoundError, NotADirectoryError):
            is_there = False
        if not is_there:
            raise FolderGone(self.path, self._now())
        try:
            os.lstat(self.path / MANIFEST)
        except FileNotFoundError:
            raise ManifestGone(self.path) from None

    def _now(self) -> Path | None:
        try:
            now = Path(f"/proc/self/fd/{self._file}").readlink()
            return now if os.path.samestat(os.stat(now), self._status) else None
        except OSError:  # it was deleted, or this system has no /proc
            return None


def new_folder(run: str | Path | None, space: str) -> Path:
    """Return the folder of a new run; nothing is made yet.

    Raises:
        RunError: something else is there, or nothing can be written there.
    """
    folder = locate(run) if run is not None else runs_folder() / f"{space}-{datetime.now():%Y%m%d-%H%M%S}"
    if run is not None:
        check_is_new(folder)
    parent = next(path for path in folder.absolute().parents if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise RunError(f"{folder}: {parent} cannot be written to; take another --run, or set MLPNAS_RUNS")
    return folder


def check_is_new(folder: Path, space_text: str | None = None) -> None:
    """Raise RunError if a folder holds more than a search leaves that was killed before it began.

    Args:
        space_text: the text of the space that is to be searched; None: not known yet.
    """
    if (folder / MANIFEST).exists():
        raise RunError(f"{place_of(folder)}: holds a run already; go on with it by --resume, or take another --run")
    if not folder.exists():
        return
    if not folder.is_dir() or any(path.name[0] != "." and path.name != SPACE for path in folder.iterdir()):
        raise RunError(f"{folder}: is not empty and no run; take another --run")
    file = folder / SPACE
    if space_text is not None and file.exists() and file.read_bytes() != space_text.encode():
        raise RunError(f"{file}: is of another space; move it away, or take another --run")


def make_new(folder: Path, is_named: bool) -> Path:
    """Make the folder; a name that the user did not give gets a number where another search has just taken it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if is_named:
        folder.mkdir(exist_ok=True)
        return folder
    names = (folder.name if number == 1 else f"{folder.name}-{number}" for number in count(1))
    while True:
        made = folder.with_name(next(names))
        try:
            made.mkdir()
            return made
        except FileExistsError:
            continue
