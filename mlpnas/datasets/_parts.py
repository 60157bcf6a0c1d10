"""Which split a folder or a file holds, by its name."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from mlpnas.datasets._listing import shown
from mlpnas.errors import DataError

SPLITS = ("train", "val", "test")

_WORDS = {
    "train": re.compile(r"train(ing)?(?![a-z])", re.IGNORECASE),
    "val": re.compile(r"(val(id(ation)?)?|dev)(?![a-z])", re.IGNORECASE),
    "test": re.compile(r"test(ing)?(?![a-z])", re.IGNORECASE),
}

Held = TypeVar("Held")


def split_of(name: str) -> str:
    """`valid`, `val2017` or `Validation-00000-of-00001.parquet` -> "val"; "" for a name that is none of a split."""
    return next((split for split, word in _WORDS.items() if word.match(name)), "")


def in_order(found: Mapping[str, Held]) -> dict[str, Held]:
    """train, val, test as found, in this order."""
    return {split: found[split] for split in SPLITS if split in found}


def by_split(files: Sequence[Path], root: Path) -> dict[str, list[Path]]:
    """The files of each split, by their names or their folders'; files of no split are all train.

    Raises:
        DataError: no train part; some files are of a split and some are not; files of several data sets.
    """
    if root.is_file():
        return {"train": [root]}
    found: dict[str, list[Path]] = {}
    for file in files:
        folder = file.parent.name if file.parent != root else ""
        found.setdefault(split_of(file.name) or split_of(folder), []).append(file)
    _check_one_set([file.relative_to(root) for file in files], root)
    unknown = found.pop("", [])
    if not found:
        return {"train": unknown}
    if unknown:
        raise DataError(
            f"{shown(unknown[0])}: not called train, val or test, as other files there are; "
            "rename it, or give the path of the file that you mean"
        )
    if "train" not in found:
        raise DataError(f"{shown(root)}: has no train part, only {' and '.join(found)}")
    return in_order(found)


def origin_of(files: Sequence[Path], root: Path) -> str:
    """ "data/train-0.parquet and 3 more"."""
    first = shown(files[0].relative_to(root) if root.is_dir() else root.name)
    return first if len(files) == 1 else f"{first} and {len(files) - 1:,} more"


def _check_one_set(names: Sequence[Path], root: Path) -> None:
    """Folders that are not called as a split name data sets, of which there must be one."""
    sets = {tuple(folder for folder in name.parts[:-1] if not split_of(folder)) for name in names}
    if len(sets) > 1:
        listed = ", ".join(shown("/".join(folders) or ".") for folders in sorted(sets)[:10])
        raise DataError(f"{shown(root)}: holds several data sets ({listed}); give the path of the one that you mean")
