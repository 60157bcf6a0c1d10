"""One file of a table, Parquet or Arrow: its columns that can hold images or labels, and what is in them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from pyarrow.parquet import ParquetFile

from mlpnas.datasets._labels import is_label, is_text, plain
from mlpnas.datasets._listing import Encoded, Stamp, shown
from mlpnas.datasets._open import Unreadable
from mlpnas.datasets._walk import is_image
from mlpnas.errors import DataError

_ROWS = 256


class Table:
    """Raises DataError: not readable."""

    def __init__(self, file: Path) -> None:
        self.file, self.name = file, shown(f"{file.parent.name}/{file.name}")
        is_arrow = file.suffix.lower() == ".arrow"
        with _readable(f"{shown(file)}: not a readable {'Arrow' if is_arrow else 'Parquet'} file"):
            self._content: Any = _Arrow(file) if is_arrow else ParquetFile(file)
            self.schema = self._content.schema_arrow
            self.names = list(map(str, self.schema.names))
            self.rows = int(self._content.metadata.num_rows)

    def images_in(self) -> list[str]:
        """Columns with encoded images or, where there are none, with names of image files."""
        held = [field.name for field in self.schema if _holds_images(field.type)]
        return held or [field.name for field in self.schema if is_text(field.type) and self._names_files(field.name)]

    def labels_in(self) -> list[str]:
        return [field.name for field in self.schema if is_label(field.type)]

    def labels(self, column: str) -> pa.ChunkedArray:
        """As int64, bool or text; without such a column, nulls."""
        if column not in self.names:
            return pa.chunked_array([pa.nulls(self.rows)])
        with _readable(f"{shown(self.file)}: cannot be read"):
            found = self._content.read(columns=[column]).column(0)
        return plain(found, f"{shown(self.file)}: column {shown(column, 40)!r}")

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
            yield self._encoded(value)

    def add_to(self, stamp: Stamp, column: str) -> None:
        """Add this file, and those that it names instead of holding their bytes."""
        stamp.add(self.file, self.file.stat())
        first = next(self._values(column), None)
        if isinstance(first, str) or (isinstance(first, dict) and first.get("bytes") is None):
            for image in self.images(column):
                if isinstance(image, str):
                    stamp.add(image, Path(image).stat())

    def _values(self, column: str) -> Iterator[Any]:
        row = 0
        with _readable(lambda: f"{self.name} row {row}: cannot be read"):
            for batch in self._content.iter_batches(_ROWS, columns=[column]):
                for value in batch.column(0).to_pylist():
                    yield value
                    row += 1

    def _names_files(self, column: str) -> bool:
        first = next(self._values(column), None)
        return isinstance(first, str) and is_image(first)

    def _encoded(self, value: Any) -> Encoded:
        if isinstance(value, dict):
            data, name = value.get("bytes"), value.get("path")
            return data if data is not None or not isinstance(name, str) else _inside(self.file.parent, name)
        return _inside(self.file.parent, value) if isinstance(value, str) else value


class _Arrow:
    """An Arrow file or stream, as `datasets.save_to_disk` writes it, with the methods of a ParquetFile."""

    def __init__(self, file: Path) -> None:
        source = pa.memory_map(str(file))
        try:
            self._table = pa.ipc.open_file(source).read_all()
        except pa.ArrowInvalid:
            self._table = pa.ipc.open_stream(source).read_all()
        self._table.validate(full=True)  # what damaged offsets point at must not be followed
        self.schema_arrow = self._table.schema
        self.metadata = self._table

    def read(self, columns: list[str]) -> pa.Table:
        return self._table.select(columns)

    def iter_batches(self, rows: int, columns: list[str]) -> Iterator[pa.RecordBatch]:
        return iter(self._table.select(columns).to_batches(max_chunksize=rows))


def _inside(folder: Path, name: str) -> Encoded:
    """The file that a table names, if it stands below the table's folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:

        def refuse() -> bytes:
            raise Unreadable(f"names a file outside of the data set ({shown(name, 80)}), which is not opened")

        return refuse
    file = folder / path
    return str(file) if file.is_file() else None


def _holds_images(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        number = kind.get_field_index("bytes")
        return number >= 0 and _holds_images(kind.field(number).type)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


@contextmanager
def _readable(what: Any) -> Iterator[None]:
    """Whatever a damaged file raises inside the block is a DataError; `what` says where, and may be a function."""
    try:
        yield
    except (DataError, GeneratorExit):
        raise
    except Exception as error:  # the readers raise whatever damaged bytes lead them to
        where = what() if callable(what) else what
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{where} ({shown(line, 160)})") from None
