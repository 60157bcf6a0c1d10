"""What lies in the cache folder: found, measured, deleted. Nothing outside it is touched, and no link is followed."""

import os
import shutil
import time
from pathlib import Path

from mlpnas import cache
from mlpnas.engine.run_folder.lock import writing
from mlpnas.errors import DataError, RunError
from mlpnas.files import is_temporary
from mlpnas.mirror import Mirror

_DAY = 24 * 3600.0  # seconds after which nobody writes to a temporary file any more


def entries(kind: str) -> tuple[list[Path], list[Path]]:
    """What mlpnas has put into one folder of the cache, and what else lies there."""
    folder = cache.path(kind)
    if folder.is_symlink():
        return [], [folder]
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    ours = [path for path in found if not path.is_symlink() and _is_ours(kind, path)]
    return ours, [path for path in found if path not in ours]


def _is_ours(kind: str, path: Path) -> bool:
    if is_temporary(path.name):
        return time.time() - path.lstat().st_mtime > _DAY
    return cache.KINDS[kind].names.fullmatch(path.name) is not None


def size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if not path.is_dir():
        return path.lstat().st_size
    return sum(os.lstat(os.path.join(folder, name)).st_size for folder, _, names in os.walk(path) for name in names)


def delete(path: Path) -> None:
    """Delete a file or a folder.

    Raises:
        DataError: it cannot be deleted.
    """
    try:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError as error:
        raise DataError(f"{error.filename or path}: cannot be deleted ({error.strerror})") from None


def unsent(copies: Path) -> str:
    """Why the copies of a run should stay: a search is at work there, or what it has kept has not been sent; or ""."""
    for folder in [path for path in sorted(copies.iterdir()) if path.is_dir() and not path.is_symlink()]:
        try:
            with writing(folder):
                pass
        except RunError as error:
            return str(error)
        mirror = Mirror.of(folder)
        if mirror is None and (folder / "run.json").is_file():
            return f"{folder.name} was set aside, for it has never been sent"
        if mirror and (changes := mirror.changes()):
            return f"{len(changes)} changed files have not been sent to {mirror.uri}"
    return ""
