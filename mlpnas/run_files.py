"""The names of the files in a run folder, as closed patterns.

A run may come from others, and so may the names in its records, listings and copies. Only a name that matches one of
these patterns is ever joined to a path.
"""

import re
from pathlib import Path

from mlpnas.errors import RunError
from mlpnas.plain_text import quoted

MANIFEST, SPACE, REPORT = "run.json", "space.yaml", "report.html"
TRIALS, EPOCHS, WEIGHTS, STATES = "trials", "epochs", "weights", "checkpoints"
TABLES = (TRIALS, EPOCHS)
FOLDERS = (*TABLES, WEIGHTS, STATES)
LAST_PART = 10**15 - 1

_PART = re.compile(r"part-([0-9]{6,15})-([0-9]{6,15})\.parquet")
PART_NAME = r"(?:trials|epochs)/part-[0-9]{6,15}-[0-9]{6,15}\.parquet"
WEIGHTS_NAME = r"weights/[0-9A-Za-z_-]{1,100}\.safetensors"  # a search names them by the trial's number
STATE_NAME = r"checkpoints/[0-9]{1,15}-[0-9]{1,15}\.pt"
_COPIED = re.compile(rf"{PART_NAME}|run\.json|space\.yaml|report\.html")
_KEPT = re.compile(rf"{_COPIED.pattern}|{WEIGHTS_NAME}|{STATE_NAME}")
_TRIAL = re.compile(r"(?:weights|checkpoints)/([0-9]{1,15})(?:-[0-9]{1,15}\.pt|\.safetensors)")


def part_name(first: int, last: int) -> str:
    """Return the name of the part that covers these numbers."""
    return f"part-{first:06d}-{last:06d}.parquet"


def part_range(name: str) -> tuple[int, int] | None:
    """Return the first and last number that a part covers; None if the name is none of a part."""
    found = _PART.fullmatch(name)
    if not found or int(found[1]) > int(found[2]):
        return None
    return int(found[1]), int(found[2])


def is_copied(name: str) -> bool:
    """Return whether every copy of a run holds the file of this name, relative to the run folder."""
    return _COPIED.fullmatch(name) is not None


def trial_of(name: str) -> int | None:
    """Return the trial whose weights or training state a file holds; None if the name is none of these."""
    found = _TRIAL.fullmatch(name)
    return int(found[1]) if found else None


def check(name: str, where: object) -> str:
    """Return `name`, relative to the run folder, if it is one of a run's files.

    Raises:
        RunError: it is none; names it and `where` it was found.
    """
    if not _KEPT.fullmatch(name):
        raise RunError(f"{where}: names a file {quoted(name)}, which no run has; do not use this run")
    return name


def check_stays(name: str, where: object) -> str:
    """Return `name` if it stays inside the run folder; raises as `check` does."""
    if not name.isprintable() or "\\" in name or {"", ".", ".."} & set(name.split("/")):
        raise RunError(f"{where}: holds a file {quoted(name)}, which leads out of the run; do not use this run")
    return name


def check_folders(run: Path) -> None:
    """Check that the folders of a run lie inside it, so that nothing else is written or deleted.

    Raises:
        RunError: one of them is a link or a file.
    """
    for name in FOLDERS:
        folder = run / name
        if folder.is_symlink():
            raise RunError(f"{folder}: is a link; a run's files lie in its own folder, so put the folder itself there")
        if folder.exists() and not folder.is_dir():
            raise RunError(f"{folder}: is a file where a run has a folder; move it away")
