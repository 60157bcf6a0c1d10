"""One file of a Parquet or Arrow table: its columns of images and labels, and their content."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from pyarrow.parquet import ParquetFile

from mlpnas.datasets._labels import is_label, is_text, plain
from mlpnas.datasets._listing import Encoded, Stamp, escape
from mlpnas.datasets._open import Unreadable
from mlpnas.datasets._walk import is_image
from mlpnas.errors import DataError

_ROWS = 256


class Table:
    """One Parquet or Arrow file; raises DataError if it is not readable."""

    def __init__(self, file: Path) -> None:
        self.file, self.name = file, escape(f"{file.parent.name}/{file.name}")
        is_arrow = file.suffix.lower() == ".arrow"
        with _reading(f"{escape(file)}: not a readable {'Arrow' if is_arrow else 'Parquet'} file"):
            self._content: Any = _Arrow(file) if is_arrow else ParquetFile(file)
            self.schema = self._content.schema_arrow
            self.names = list(map(str, self.schema.names))
            self.rows = int(self._content.metadata.num_rows)

    def images_in(self) -> list[str]:
        """Return the columns with encoded images or, if there are none, with names of image files."""
        held = [field.name for field in self.schema if _holds_images(field.type)]
        return held or [field.name for field in self.schema if is_text(field.type) and self._names_files(field.name)]

    def labels_in(self) -> list[str]:
        return [field.name for field in self.schema if is_label(field.type)]

    def labels(self, column: str) -> pa.ChunkedArray:
        """Return a column as int64, bool or text; nulls if there is no such column."""
        if column not in self.names:
            return pa.chunked_array([pa.nulls(self.rows)])
        with _reading(f"{escape(self.file)}: cannot be read"):
            found = self._content.read(columns=[column]).column(0)
        return plain(found, f"{escape(self.file)}: column {escape(column, 40)!r}")

    def class_names(self, column: str) -> tuple[str, ...]:
        metadata = self.schema.metadata or {}
        try:
            if text := metadata.get(b"class_names"):
                return tuple(text.decode().split(","))
            names = json.loads(metadata[b"huggingface"])["info"]["features"][column]["names"]
            return tuple(map(str, names)) if isinstance(names, list) else ()
        except (KeyError, ValueError, TypeError, RecursionError):
            return ()

    def images(self, column: str) -> Iterator[Encoded]:
        for value in self._values(column):
            yield self._to_encoded(value)

    def add_to(self, stamp: Stamp, column: str) -> None:
        """Add this file to a stamp, and the image files that it names."""
        stamp.add(self.file, self.file.stat())
        first = next(self._values(column), None)
        if isinstance(first, str) or (isinstance(first, dict) and first.get("bytes") is None):
            for image in self.images(column):
                if isinstance(image, str):
                    stamp.add(image, Path(image).stat())

    def _values(self, column: str) -> Iterator[Any]:
        row = 0
        with _reading(lambda: f"{self.name} row {row}: cannot be read"):
            for batch in self._content.iter_batches(_ROWS, columns=[column]):
                for value in batch.column(0).to_pylist():
                    yield value
                    row += 1

    def _names_files(self, column: str) -> bool:
        first = next(self._values(column), None)
        return isinstance(first, str) and is_image(first)

    def _to_encoded(self, value: Any) -> Encoded:
        if isinstance(value, dict):
            data, name = value.get("bytes"), value.get("path")
            return data if data is not None or not isinstance(name, str) else _inside(self.file.parent, name)
        return _inside(self.file.parent, value) if isinstance(value, str) else value


class _Arrow:
    """An Arrow file or stream of `datasets.save_to_disk`, with the methods of a ParquetFile."""

    def __init__(self, file: Path) -> None:
        source = pa.memory_map(str(file))
        try:
            self._table = pa.ipc.open_file(source).read_all()
        except pa.ArrowInvalid:
            self._table = pa.ipc.open_stream(source).read_all()
        self._table.validate(full=True)  # damaged offsets must not be followed
        self.schema_arrow = self._table.schema
        self.metadata = self._table

    def read(self, columns: list[str]) -> pa.Table:
        return self._table.select(columns)

    def iter_batches(self, rows: int, columns: list[str]) -> Iterator[pa.RecordBatch]:
        return iter(self._table.select(columns).to_batches(max_chunksize=rows))


def _inside(folder: Path, name: str) -> Encoded:
    """Return the file that a table names, if it lies below the table's folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:

        def refuse() -> bytes:
            raise Unreadable(f"names a file outside of the data set ({escape(name, 80)}), which is not opened")

        return refuse
    file = folder / path
    return str(file) if file.is_file() else None


def _holds_images(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        number = kind.get_field_index("bytes")
        return number >= 0 and _holds_images(kind.field(number).type)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


@contextmanager
def _reading(what: Any) -> Iterator[None]:
    """Turn every error of the block into a DataError that begins with `what`, a text or a function."""
    try:
        yield
    except (DataError, GeneratorExit):
        raise
    except Exception as error:  # the readers raise errors of any class for damaged bytes
        where = what() if callable(what) else what
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{where} ({escape(line, 160)})") from None
