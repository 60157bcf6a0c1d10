"""Images in Parquet as data sets are commonly published: `image` (bytes, or a struct with bytes) and `label` (integer).

A file, or a folder (or its data/) with train*.parquet and, where it has them, val*.parquet and test*.parquet.
Class names come from the schema's metadata (`class_names`, or the features that Hugging Face writes) where it has any.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow.parquet import ParquetFile

from mlpnas.datasets import Content
from mlpnas.datasets._decode import Encoded, decoded
from mlpnas.datasets._parts import parts_of
from mlpnas.errors import DataError

_ROWS = 1024


class Parquet:
    needs_path = True
    flip = True

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return path.suffix == ".parquet" if path.is_file() else bool(_files(path))

    def read(self, image_size: int) -> Content:
        parts = {part: [_Table(file) for file in files] for part, files in self._parts().items()}
        tables = [table for part in parts.values() for table in part]
        classes = tables[0].class_names() or _numbered(parts["train"])
        for table in tables:
            table.check_below(len(classes))
        pixels, digest = decoded(
            lambda: (image for table in tables for image in table.images()),
            count=sum(len(table.labels) for table in tables),
            image_size=image_size,
            source="parquet",
            files=[table.file for table in tables],
        )
        counts = {part: sum(len(table.labels) for table in tables) for part, tables in parts.items()}
        return Content(pixels, np.concatenate([table.labels for table in tables]), classes, counts, digest)

    def _parts(self) -> Mapping[str, list[Path]]:
        if self.path.is_file():
            return {"train": [self.path]}
        if not self.path.is_dir():
            raise DataError(f"{self.path}: no such folder or file")
        files = _files(self.path)
        found = {part: [file for file in files if file.name.startswith(part)] for part in ("train", "val", "test")}
        return parts_of(found if any(found.values()) else {"train": files}, self.path)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet")) or sorted(folder.glob("data/*.parquet"))


def _numbered(train: "list[_Table]") -> tuple[str, ...]:
    """Class names for labels without names: the numbers, none of which may be missing."""
    present = np.unique(np.concatenate([table.labels for table in train]))
    missing = np.flatnonzero(present != np.arange(len(present)))
    if len(missing):
        raise DataError(f"{train[0].name}: no row has label {missing[0]}; labels must be 0, 1, 2, ... without gaps")
    return tuple(map(str, present))


class _Table:
    """One file, its columns and labels checked."""

    def __init__(self, file: Path) -> None:
        self.file, self.name = file, f"{file.parent.name}/{file.name}"
        try:
            self.content = ParquetFile(file)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{file}: not a readable Parquet file ({_first_line(error)})") from None
        self._check_columns(self.content.schema_arrow)
        self.labels = self._labels()

    def _check_columns(self, schema: pa.Schema) -> None:
        for column in ("image", "label"):
            if column not in schema.names:
                has = ", ".join(schema.names)
                raise DataError(f"{self.file}: has no column {column!r} (it has {has}); rename the one you mean")
        image, label = schema.field("image").type, schema.field("label").type
        if pa.types.is_struct(image) and image.get_field_index("bytes") >= 0:
            image = image.field("bytes").type
        if not (pa.types.is_binary(image) or pa.types.is_large_binary(image)):
            raise DataError(f"{self.file}: column 'image' is {image}; it must be binary, or a struct with 'bytes'")
        if not pa.types.is_integer(label):
            raise DataError(f"{self.file}: column 'label' is {label}; it must hold integers 0, 1, 2, ...")

    def _labels(self) -> NDArray[np.int64]:
        try:
            column = self.content.read(columns=["label"]).column("label")
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{self.file}: cannot be read ({_first_line(error)})") from None
        if column.null_count:
            raise DataError(f"{self.name} row {column.is_null().to_pylist().index(True)}: has no label")
        labels: NDArray[np.int64] = column.to_numpy().astype(np.int64)
        self._check(labels, labels < 0, "is negative; labels must be 0, 1, 2, ...")
        return labels

    def check_below(self, classes: int) -> None:
        self._check(self.labels, self.labels >= classes, f"is out of range; there are {classes} classes")

    def _check(self, labels: NDArray[np.int64], wrong: NDArray[np.bool_], what: str) -> None:
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(f"{self.name} row {row}: label {labels[row]} {what}")

    def class_names(self) -> tuple[str, ...]:
        metadata = self.content.schema_arrow.metadata or {}
        if text := metadata.get(b"class_names"):
            return tuple(text.decode().split(","))
        try:
            return tuple(json.loads(metadata[b"huggingface"])["info"]["features"]["label"]["names"])
        except (KeyError, ValueError, TypeError):
            return ()

    def images(self) -> Iterator[Encoded]:
        row = 0
        try:
            for batch in self.content.iter_batches(_ROWS, columns=["image"]):
                column = batch.column("image")
                column = column.field("bytes") if pa.types.is_struct(column.type) else column
                for data in column.to_pylist():
                    yield Encoded(f"{self.name} row {row}", data)
                    row += 1
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{self.name} row {row}: cannot be read ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
