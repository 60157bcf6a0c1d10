"""The reference to a data set, the same in every process."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from mlpnas.datasets._listing import escape
from mlpnas.errors import DataError


@dataclass(frozen=True)
class DataRef:
    """A reference to a data set, the same in every process; JSON both ways.

    Attributes:
        source: a file of this folder.
        path: absolute, or "" for sources without one.
        seed: seed of the split of val from train; the test part never depends on it.
        image_column, label_column: columns of a table, if they cannot be guessed.
        skip_bad: leave out images that cannot be read.
        size: (height, width) that the images are decoded for; None: up to 224 square.
    """

    source: str
    path: str = ""
    seed: int = 0
    image_column: str = ""
    label_column: str = ""
    skip_bad: bool = False
    size: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the reference as JSON, without newer fields that have their default."""
        always = {"source": self.source, "path": self.path, "seed": self.seed}
        return always | {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in always and getattr(self, field.name) != field.default
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "DataRef":
        """Return the reference; raise DataError if it is damaged or of another version."""
        known = {field.name: field for field in fields(cls)}
        if not isinstance(data, Mapping) or not set(data) <= set(known) or "source" not in data:
            raise DataError(f"a data set as JSON has {', '.join(known)}; got {escape(data)}")
        size = data.get("size")
        if isinstance(size, list | tuple):
            data = {**data, "size": tuple(size)}
        for name, value in data.items():
            if not _FITS[name](value):
                raise DataError(f"a data set as JSON: {name} cannot be {escape(value)}")
        return cls(**data)

    def __str__(self) -> str:
        return f"{self.source}:{self.path}" if self.path else self.source


def _is_size(value: object) -> bool:
    return value is None or (
        isinstance(value, tuple) and len(value) == 2 and all(type(side) is int and side > 0 for side in value)
    )


_FITS = {
    "source": lambda value: isinstance(value, str),
    "path": lambda value: isinstance(value, str),
    "seed": lambda value: type(value) is int and value >= 0,
    "image_column": lambda value: isinstance(value, str),
    "label_column": lambda value: isinstance(value, str),
    "skip_bad": lambda value: isinstance(value, bool),
    "size": _is_size,
}
