"""Which split a folder or a file holds, by its name."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from mlpnas.datasets._listing import shown
from mlpnas.errors import DataError

SPLITS = ("train", "val", "test")

_WORDS = {
    "train": re.compile(r"train(ing|val)?(?![a-z])", re.IGNORECASE),
    "val": re.compile(r"(val(id(ation)?)?|dev)(?![a-z])", re.IGNORECASE),
    "test": re.compile(r"test(ing)?(?![a-z])", re.IGNORECASE),
}

Held = TypeVar("Held")


def split_of(name: str) -> str:
    """`valid`, `val2017` or `Validation-00000-of-00001.parquet` -> "val"; "" for a name that is none of a split."""
    return next((split for split, word in _WORDS.items() if word.match(name)), "")


def split_in(name: str) -> str:
    """As `split_of`, or the only split that a word of the name says: `mnist-test.arrow` -> "test"."""
    said = {split for word in re.split(r"[^A-Za-z0-9]+", name) if (split := split_of(word))}
    return split_of(name) or (said.pop() if len(said) == 1 else "")


def in_order(found: Mapping[str, Held]) -> dict[str, Held]:
    """train, val, test as found, in this order."""
    return {split: found[split] for split in SPLITS if split in found}


def by_split(files: Sequence[Path], root: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """The files of each split, by their names or their folders', and what is said of files of no split.

    Where no name says a split, all files are train.

    Raises:
        DataError: no train part; files of several data sets.
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
        raise DataError(f"{shown(root)}: has no train part, only {' and '.join(found)}")
    left = [f"{shown(file.relative_to(root))} is not called train, val or test: left out" for file in unknown]
    return in_order(found), left


def origin_of(files: Sequence[Path], root: Path) -> str:
    """ "data/train-0.parquet and 3 more"."""
    first = shown(files[0].relative_to(root) if root.is_dir() else root.name)
    return first if len(files) == 1 else f"{first} and {len(files) - 1:,} more"


def _check_one_set(files: Sequence[Path], root: Path) -> None:
    """Folders that are not called as a split name data sets, of which there must be one."""
    folders = [file.relative_to(root).parts[:-1] for file in files]
    sets = {tuple(folder for folder in some if not split_in(folder)) for some in folders}
    if len(sets) > 1:
        listed = ", ".join(shown("/".join(some) or ".") for some in sorted(sets)[:10])
        raise DataError(f"{shown(root)}: holds several data sets ({listed}); give the path of the one that you mean")
