"""Images in Parquet: a column with encoded images and one with labels.

The path is a file; or a folder with train*.parquet and perhaps val*.parquet and test*.parquet, at its top or in folders
such as data/ or default/train/; or tables with a column `split`; or a folder saved by `datasets` (train/*.arrow). Class
names come from the schema's metadata (`class_names`, or Hugging Face's features), if there are any.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, compress
from pathlib import Path

from mlpnas.datasets import DataRef
from mlpnas.datasets._columns import IMAGES, LABELS, SPLITS, choose
from mlpnas.datasets._labels import number_classes
from mlpnas.datasets._listing import Encoded, Labels, Listing, Part, Stamp, escape
from mlpnas.datasets._parts import by_split, in_order, origin_of, split_of
from mlpnas.datasets._table import Table
from mlpnas.errors import DataError

_ENDINGS = (".parquet", ".arrow")
_LEVELS = ("*", "*/*", "*/*/*", "*/*/*/*")


class Parquet:
    needs_path = True
    flip = True
    has_columns = True

    def __init__(self, ref: DataRef) -> None:
        self.path, self.ref = Path(ref.path), ref

    @classmethod
    def recognises(cls, path: Path) -> int:
        return 2 if _files(path) else 0

    def listing(self) -> Listing:
        if not (files := _files(self.path)):
            raise DataError(f"{self.path}: no such folder or file, or no .parquet file in it")
        found, left_out = by_split(files, self.path)
        tables = {split: [Table(file) for file in some] for split, some in found.items()}
        first, stamp = tables["train"][0], Stamp()
        image = choose(self.ref.image_column, first.images_in(), IMAGES, first.names, "image", str(first.file))
        others = [name for name in first.labels_in() if name != image]
        label = choose(self.ref.label_column, others, LABELS, first.names, "label", str(first.file))
        for split, some in tables.items():
            for table in some:
                _check(table, image, label if split == "train" else "")
                table.add_to(stamp, image)
        names = next((names for table in tables["train"] if (names := table.class_names(label))), ())
        labels = {split: [table.labels(label) for table in some] for split, some in tables.items()}
        known = number_classes(labels, names, str(self.path))
        parts = {
            split: _part(some, image, known.labels[split], known.problems[split], origin_of(found[split], self.path))
            for split, some in tables.items()
        }
        if len(parts) == 1 and (column := _split_column(tables["train"], image, label)):
            parts = _divide(parts["train"], _texts(tables["train"], column), column)
            if "train" not in parts:
                raise DataError(f"{self.path}: column {column!r} has no train rows, only {' and '.join(parts)}")
        left_out += _deeper(self.path, files)
        columns = f"images are column {escape(image, 40)!r}, labels column {escape(label, 40)!r}"
        return Listing(known.classes, parts, str(stamp), notes=(columns, *left_out))


def _files(path: Path) -> list[Path]:
    """Return the file, or the tables nearest to the top of the folder."""
    if path.is_file():
        return [path] if path.suffix.lower() in _ENDINGS else []
    for level in _LEVELS:
        for ending in _ENDINGS:
            found = [file for file in path.glob(f"{level}{ending}") if not file.name.startswith((".", "cache-"))]
            if found:
                return sorted(found)
    return []


def _deeper(path: Path, files: Sequence[Path]) -> Iterator[str]:
    """Yield a note about tables in deeper folders than those that are read."""
    found = {file for level in _LEVELS for ending in _ENDINGS for file in path.glob(f"{level}{ending}")} - {*files}
    names = sorted(escape(file.relative_to(path)) for file in found if not file.name.startswith((".", "cache-")))
    if names:
        tables = "1 table is" if len(names) == 1 else f"{len(names):,} tables are"
        yield f"{tables} not read, {names[0]} the first; give the path of their folder to read those"


def _split_column(tables: Sequence[Table], *taken: str) -> str:
    """Return the column in which every row says train, val or test; "" if there is none."""
    for name in tables[0].names:
        if name.lower() in SPLITS and name not in taken and all(name in table.labels_in() for table in tables):
            values = {*_texts(tables, name)}
            if values and all(split_of(value) for value in values):
                return name
    return ""


def _texts(tables: Sequence[Table], column: str) -> list[str]:
    return [str(value) for table in tables for value in table.labels(column).to_pylist()]


def _divide(part: Part, texts: Sequence[str], column: str) -> dict[str, Part]:
    """Return the rows of a part by the split in `texts`."""
    splits = [split_of(text) for text in texts]
    return {split: _of_rows(part, [split == other for other in splits], column) for split in in_order(Counter(splits))}


def _of_rows(part: Part, wanted: Sequence[bool], column: str) -> Part:
    rows = list(compress(range(len(wanted)), wanted))
    problems = {number: part.problems[row] for number, row in enumerate(rows) if row in part.problems}
    return replace(
        part,
        labels=part.labels[rows],
        images=lambda: compress(part.images(), wanted),
        where=lambda number: part.where(rows[number]),
        origin=f"{part.origin}, column {column!r}",
        problems=problems,
    )


def _check(table: Table, *columns: str) -> None:
    for column in filter(None, columns):
        if column not in table.names:
            has = ", ".join(escape(name, 40) for name in table.names[:20])
            raise DataError(f"{escape(table.file)}: has no column {escape(column, 40)!r} (it has {has})")


def _part(tables: Sequence[Table], image: str, labels: Labels, problems: Mapping[int, str], origin: str) -> Part:
    ends = list(accumulate(table.rows for table in tables))

    def where(row: int) -> str:
        number = next(number for number, end in enumerate(ends) if row < end)
        return f"{tables[number].name} row {row - (ends[number] - tables[number].rows)}"

    def images() -> Iterator[Encoded]:
        return (encoded for table in tables for encoded in table.images(image))

    return Part(labels, images, where, origin, problems)
