"""Which split a folder or a file holds, by its name."""

import re
from collections.abc import Mapping
from typing import TypeVar

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
