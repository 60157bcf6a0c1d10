"""The split of a folder or file, by its name."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from mlpnas.datasets._listing import escape
from mlpnas.errors import DataError

SPLITS = ("train", "val", "test")

_WORDS = {
    "train": re.compile(r"train(ing|val)?(?![a-z])", re.IGNORECASE),
    "val": re.compile(r"(val(id(ation)?)?|dev)(?![a-z])", re.IGNORECASE),
    "test": re.compile(r"test(ing)?(?![a-z])", re.IGNORECASE),
}

Held = TypeVar("Held")


def split_of(name: str) -> str:
    """Return the split of a name: `valid`, `val2017`, `Validation-00000-of-00001.parquet` -> "val"; or ""."""
    return next((split for split, word in _WORDS.items() if word.match(name)), "")


def split_in(name: str) -> str:
    """Return `split_of(name)`, or the only split among the words of the name: `mnist-test.arrow` -> "test"."""
    splits = {split for word in re.split(r"[^A-Za-z0-9]+", name) if (split := split_of(word))}
    return split_of(name) or (splits.pop() if len(splits) == 1 else "")


def in_order(found: Mapping[str, Held]) -> dict[str, Held]:
    """Return the splits found in the order train, val, test."""
    return {split: found[split] for split in SPLITS if split in found}


def by_split(files: Sequence[Path], root: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """Return the files of each split, by their names or their folders', and notes about files of no split.

    If no name is one of a split, all files are train.

    Raises:
        DataError: there is no train part, or there are several data sets.
    """
    if root.is_file():
        return {"train": [root]}, []
    found: dict[str, list[Path]] = {}
    for file in files:
        folder = file.parent.name if file.parent != root else ""
        found.setdefault(split_in(file.name) or split_in(folder), []).append(file)
    unknown = found.pop("", [])
    if not found:
        _check_one_set(unknown, root)
        return {"train": unknown}, []
    _check_one_set([file for some in found.values() for file in some], root)
    if "train" not in found:
        raise DataError(f"{escape(root)}: has no train part, only {' and '.join(found)}")
    left = [f"{escape(file.relative_to(root))} is not called train, val or test: left out" for file in unknown]
    return in_order(found), left


def origin_of(files: Sequence[Path], root: Path) -> str:
    """Return the origin of a part in words: data/train-0.parquet and 3 more."""
    first = escape(files[0].relative_to(root) if root.is_dir() else root.name)
    return first if len(files) == 1 else f"{first} and {len(files) - 1:,} more"


def _check_one_set(files: Sequence[Path], root: Path) -> None:
    """Check that there is one data set: folders whose names are no splits name data sets."""
    folders = [file.relative_to(root).parts[:-1] for file in files]
    sets = {tuple(folder for folder in some if not split_in(folder)) for some in folders}
    if len(sets) > 1:
        listed = ", ".join(escape("/".join(some) or ".") for some in sorted(sets)[:10])
        raise DataError(f"{escape(root)}: holds several data sets ({listed}); give the path of one")
