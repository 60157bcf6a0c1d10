"""Images in Parquet as data sets are commonly published: a column with encoded images and one with labels.

A file, or a folder with train*.parquet and, where it has them, val*.parquet and test*.parquet, at its top or in
folders such as data/, plain_text/ or default/train/. Class names come from the schema's metadata (`class_names`, or the
features that Hugging Face writes) where it has any.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
import pyarrow as pa

from mlpnas.datasets import DataRef
from mlpnas.datasets._labels import numbered
from mlpnas.datasets._listing import Encoded, Listing, Part, Stamp, shown
from mlpnas.datasets._parts import in_order, split_of
from mlpnas.datasets._table import Table
from mlpnas.errors import DataError

_LEVELS = ("*.parquet", "*/*.parquet", "*/*/*.parquet")


class Parquet:
    needs_path = True
    flip = True
    has_columns = True

    def __init__(self, ref: DataRef) -> None:
        self.path, self.ref = Path(ref.path), ref

    @classmethod
    def recognises(cls, path: Path) -> int:
        if path.is_file():
            return 2 if path.suffix.lower() == ".parquet" else 0
        return 2 if any(_files(path)) else 0

    def listing(self) -> Listing:
        files, origins = self._splits()
        tables = {
            split: [Table(file, self.ref.image_column, self.ref.label_column) for file in some]
            for split, some in files.items()
        }
        every = [table for some in tables.values() for table in some]
        _check_alike(every)
        columns = {split: pa.chunked_array(_chunks(some)) for split, some in tables.items()}
        names = next((table.class_names for table in every if table.class_names), ())
        known = numbered(columns, names, str(self.path))
        stamp = Stamp()
        for table in every:
            table.add_to(stamp)
        parts = {
            split: _part(some, known.labels[split], known.problems[split], origins[split])
            for split, some in tables.items()
        }
        note = f"images are column {shown(every[0].image)!r}, labels column {shown(every[0].label)!r}"
        return Listing(known.classes, in_order(parts), str(stamp), notes=(note,))

    def _splits(self) -> tuple[dict[str, list[Path]], dict[str, str]]:
        """The files of each split, and where it comes from."""
        if self.path.is_file():
            return {"train": [self.path]}, {"train": self.path.name}
        if not self.path.is_dir():
            raise DataError(f"{self.path}: no such folder or file")
        files = _files(self.path)
        found: dict[str, list[Path]] = {}
        for file in files:
            found.setdefault(split_of(file.name) or split_of(file.parent.name), []).append(file)
        unknown = found.pop("", [])
        if not found:
            found = {"train": unknown}
        elif unknown:
            raise DataError(
                f"{shown(unknown[0])}: not called train, val or test, as other files there are; "
                "rename it, or give the path of the file that you mean"
            )
        if "train" not in found:
            raise DataError(f"{self.path}: has no train part, only {' and '.join(found)}")
        return in_order(found), {split: _origin(self.path, some) for split, some in found.items()}


def _files(folder: Path) -> list[Path]:
    """The Parquet files nearest to the top."""
    for level in _LEVELS:
        if found := [file for file in folder.glob(level) if not file.name.startswith(".")]:
            return sorted(found)
    return []


def _origin(folder: Path, files: Sequence[Path]) -> str:
    first = shown(files[0].relative_to(folder))
    return first if len(files) == 1 else f"{first} and {len(files) - 1:,} more"


def _check_alike(tables: Sequence[Table]) -> None:
    first = tables[0]
    for table in tables:
        if table.labels.type != first.labels.type:
            raise DataError(
                f"{table.file}: column {shown(table.label)!r} is {table.labels.type}, "
                f"in {first.file.name} it is {first.labels.type}"
            )


def _chunks(tables: Sequence[Table]) -> list[pa.Array]:
    return [chunk for table in tables for chunk in table.labels.chunks] or [pa.array([], tables[0].labels.type)]


def _part(tables: Sequence[Table], labels: np.ndarray, problems: Mapping[int, str], origin: str) -> Part:
    ends = list(accumulate(len(table.labels) for table in tables))

    def where(row: int) -> str:
        number = next(number for number, end in enumerate(ends) if row < end)
        return f"{tables[number].name} row {row - (ends[number] - len(tables[number].labels))}"

    def images() -> Iterator[Encoded]:
        return (image for table in tables for image in table.images())

    return Part(labels, images, where, origin, problems)
