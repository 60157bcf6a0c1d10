"""One Parquet file: which of its columns hold images and labels, and what is in them."""

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

import pyarrow as pa
from pyarrow.parquet import ParquetFile

from mlpnas.datasets._labels import is_label
from mlpnas.datasets._listing import Encoded, Stamp, shown
from mlpnas.datasets._open import Unreadable
from mlpnas.errors import DataError

IMAGES = ("image", "img", "picture", "photo", "pixel_values", "jpg", "png")
LABELS = ("label", "labels", "class", "target", "category", "fine_label", "cls", "class_name", "class_label", "y")
_ROWS = 256


class Table:
    """Raises DataError: not readable, or no column can be taken for images or for labels."""

    def __init__(self, file: Path, image: str, label: str) -> None:
        self.file, self.name = file, shown(f"{file.parent.name}/{file.name}")
        try:
            self.content = ParquetFile(file)
            self.schema = self.content.schema_arrow
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{shown(file)}: not a readable Parquet file ({_first_line(error)})") from None
        images = [field.name for field in self.schema if is_image(field.type)]
        self.image = choose(image, images, IMAGES, self.schema.names, "image", str(file))
        labels = [field.name for field in self.schema if is_label(field.type) and field.name != self.image]
        self.label = choose(label, labels, LABELS, self.schema.names, "label", str(file))

    def add_to(self, stamp: Stamp) -> None:
        stamp.add(self.file, self.file.stat())

    @cached_property
    def labels(self) -> pa.ChunkedArray:
        try:
            return self.content.read(columns=[self.label]).column(0)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{shown(self.file)}: cannot be read ({_first_line(error)})") from None

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        metadata = self.schema.metadata or {}
        try:
            if text := metadata.get(b"class_names"):
                return tuple(text.decode().split(","))
            names = json.loads(metadata[b"huggingface"])["info"]["features"][self.label]["names"]
            return tuple(map(str, names)) if isinstance(names, list) else ()
        except (KeyError, ValueError, TypeError):
            return ()

    def images(self) -> Iterator[Encoded]:
        row = 0
        try:
            for batch in self.content.iter_batches(_ROWS, columns=[self.image]):
                for value in batch.column(0).to_pylist():
                    yield self._encoded(value)
                    row += 1
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{self.name} row {row}: cannot be read ({_first_line(error)})") from None

    def _encoded(self, value: object) -> Encoded:
        if not isinstance(value, dict):
            return value  # type: ignore[return-value]  # bytes or None, by the column's type
        if value.get("bytes") is not None or not value.get("path"):
            return value.get("bytes")
        return inside(self.file.parent, str(value["path"]))


def inside(folder: Path, name: str) -> Encoded:
    """The file that a table names, if it stands below the table's folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:

        def refuse() -> bytes:
            raise Unreadable(f"names a file outside of the data set ({shown(name, 80)}), which is not opened")

        return refuse
    file = folder / path
    return str(file) if file.is_file() else None


def is_image(kind: pa.DataType) -> bool:
    """Whether a column of this type can hold encoded images."""
    if pa.types.is_struct(kind):
        number = kind.get_field_index("bytes")
        return number >= 0 and is_image(kind.field(number).type)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


def choose(
    asked: str, possible: Sequence[str], usual: Sequence[str], names: Sequence[str], what: str, file: str
) -> str:
    """The column that holds images or labels: as asked, the only one with a usual name, or the only possible one.

    Raises:
        DataError: lists the candidates.
    """
    has = ", ".join(shown(name, 40) for name in names[:20])
    if asked:
        if asked in possible:
            return asked
        why = f"cannot hold {what}s" if asked in names else "is not there"
        raise DataError(f"--{what}-column {shown(asked, 40)}: {why} in {shown(file)} (it has {has})")
    found = [name for name in usual if name in [one.lower() for one in possible]]
    named = [name for name in possible if name.lower() == found[0]] if found else []
    if len(named) == 1 or len(possible) == 1:
        return (named or list(possible))[0]
    if not possible:
        raise DataError(f"{shown(file)}: no column holds {what}s (it has {has}){_WANTED[what]}")
    raise DataError(
        f"{shown(file)}: which column holds the {what}s? --{what}-column {shown(possible[0], 40)}, "
        f"or one of {', '.join(shown(name, 40) for name in possible[1:20])}"
    )


_WANTED = {
    "image": "; images are encoded files, as binary, or as a struct with 'bytes'",
    "label": "; labels are integers or words, one a row",
}


def _first_line(error: Exception) -> str:
    return shown((str(error).splitlines() or [type(error).__name__])[0], 160)
