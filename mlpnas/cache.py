"""The folder for what can be made again: decoded images, downloads, what was measured about this machine."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mlpnas.errors import DataError
from mlpnas.files import write_text


class Kind(NamedTuple):
    """What one folder of the cache holds.

    Attributes:
        what: in words; names: of what mlpnas puts into it, so that nothing else is ever deleted there.
    """

    what: str
    names: re.Pattern[str]


KINDS: Mapping[str, Kind] = {
    "images": Kind("decoded images, and what was seen in data sets", re.compile(r"[0-9a-f]{20}(\.scan)?\.(npy|json)")),
    "downloads": Kind(
        "data sets that torchvision has downloaded",
        re.compile(r"cifar-10-batches-py|cifar-100-python|FashionMNIST|cifar-100?-python\.tar\.gz"),
    ),
    "speed": Kind("how fast this machine trains", re.compile(r"[a-z0-9_-]+\.json")),
    "runs": Kind("copies of runs that are kept elsewhere", re.compile(r"[0-9a-f]{12}-(read|search)")),
}


def path(*parts: str) -> Path:
    """Return the path of something in the cache folder, `$MLPNAS_CACHE` (default ~/.cache/mlpnas).

    Raises:
        DataError: its user is unknown.
    """
    root = os.environ.get("MLPNAS_CACHE") or "~/.cache/mlpnas"
    try:
        return Path(root).expanduser().joinpath(*parts)
    except RuntimeError:
        raise DataError(f"{root}: no such user; set MLPNAS_CACHE to a folder of yours") from None


def folder(*parts: str) -> Path:
    """Return the path of a folder in the cache folder, made if missing.

    Raises:
        DataError: it cannot be made.
    """
    place = path(*parts)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{place}: cannot be made ({error.strerror}); set MLPNAS_CACHE to a folder of yours") from None
    return place


def read_json(path: Path) -> dict[str, Any] | None:
    """What `path` holds, or None where it is missing or damaged."""
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def write_json(path: Path, data: dict[str, Any], mode: int = 0o666) -> None:
    write_text(path, json.dumps(data, indent=1), mode)
