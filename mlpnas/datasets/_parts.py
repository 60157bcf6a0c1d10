"""Which part of a data set a folder or file holds."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from mlpnas.errors import DataError

Held = TypeVar("Held")


def parts_of(found: Mapping[str, Held], path: Path) -> dict[str, Held]:
    """train, val, test as found (empty ones left out), in this order.

    A single held-out part is the test part, whatever its name: ImageNet's `val` is what its papers report, and a search
    must not look at it.

    Raises:
        DataError: no train part.
    """
    held = {name: found[name] for name in ("train", "val", "test") if found.get(name)}
    if "train" not in held:
        raise DataError(f"{path}: has no train part")
    if "val" in held and "test" not in held:
        held["test"] = held.pop("val")
    return held
