"""The cache folder: decoded images, downloads and measurements of this machine; all can be made again."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mlpnas.errors import DataError
from mlpnas.files import write_text


class Kind(NamedTuple):
    """The content of one folder of the cache.

    Attributes:
        what: its content in words. names: the names of our files, so that nothing else is ever deleted there.
    """

    what: str
    names: re.Pattern[str]


KINDS: Mapping[str, Kind] = {
    "images": Kind("decoded images and scans of data sets", re.compile(r"[0-9a-f]{20}(\.scan)?\.(npy|json)")),
    "downloads": Kind(
        "data sets downloaded by torchvision",
        re.compile(r"cifar-10-batches-py|cifar-100-python|FashionMNIST|cifar-100?-python\.tar\.gz"),
    ),
    "speed": Kind("training speeds of this machine", re.compile(r"[a-z0-9_-]+\.json")),
    "runs": Kind("copies of remote runs", re.compile(r"[0-9a-f]{12}-(read|search)")),
}


def path(*parts: str) -> Path:
    """Return the path of something in the cache folder, `$MLPNAS_CACHE` (default ~/.cache/mlpnas).

    Raises:
        DataError: the user of `~user` is unknown.
    """
    root = os.environ.get("MLPNAS_CACHE") or "~/.cache/mlpnas"
    try:
        return Path(root).expanduser().joinpath(*parts)
    except RuntimeError:
        raise DataError(f"{root}: no such user; set MLPNAS_CACHE to a folder of yours") from None


def folder(*parts: str) -> Path:
    """Make a folder in the cache folder and return its path.

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
    """Return the content of a JSON file, or None if it is missing or damaged."""
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def write_json(path: Path, data: dict[str, Any], mode: int = 0o666) -> None:
    write_text(path, json.dumps(data, indent=1), mode)
