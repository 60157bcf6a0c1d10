"""Listing, sizes and deletion of files in the cache folder. Links are not followed."""

import os
import shutil
import time
from pathlib import Path

from mlpnas import cache
from mlpnas.engine.run_folder.lock import hold_lock
from mlpnas.errors import DataError, RunError
from mlpnas.files import is_temporary
from mlpnas.mirror import Mirror

_DAY = 24 * 3600.0  # seconds after which a temporary file is no longer being written


def entries(kind: str) -> tuple[list[Path], list[Path]]:
    """Return our files in one folder of the cache, and the other files there."""
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
    """Return the bytes of a file, or of all files below a folder."""
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


def reason_to_keep(copies: Path) -> str:
    """Return why the copies of a run should stay: a search is running, or changes were not sent; or ""."""
    for folder in [path for path in sorted(copies.iterdir()) if path.is_dir() and not path.is_symlink()]:
        try:
            with hold_lock(folder):
                pass
        except RunError as error:
            return str(error)
        mirror = Mirror.of(folder)
        if mirror is None and (folder / "run.json").is_file():
            return f"{folder.name} was set aside and was never sent"
        if mirror and (changes := mirror.changes()):
            return f"changed files that were not sent to {mirror.uri}: {len(changes)}"
    return ""
