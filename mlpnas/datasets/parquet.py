"""Images in Parquet as data sets are commonly published: a column with encoded images and one with labels.

A file, or a folder with train*.parquet and, where it has them, val*.parquet and test*.parquet, at its top or in
folders such as data/, plain_text/ or default/train/; or a folder that `datasets` saved to disk (train/*.arrow). Class
names come from the schema's metadata (`class_names`, or the features that Hugging Face writes) where it has any.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

from mlpnas.datasets import DataRef
from mlpnas.datasets._columns import IMAGES, LABELS, choose
from mlpnas.datasets._labels import numbered
from mlpnas.datasets._listing import Encoded, Labels, Listing, Part, Stamp, shown
from mlpnas.datasets._parts import by_split, origin_of
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
        known = numbered(labels, names, str(self.path))
        parts = {
            split: _part(some, image, known.labels[split], known.problems[split], origin_of(found[split], self.path))
            for split, some in tables.items()
        }
        columns = f"images are column {shown(image, 40)!r}, labels column {shown(label, 40)!r}"
        return Listing(known.classes, parts, str(stamp), notes=(columns, *left_out))


def _files(path: Path) -> list[Path]:
    """The file, or the tables nearest to the top of a folder."""
    if path.is_file():
        return [path] if path.suffix.lower() in _ENDINGS else []
    for level in _LEVELS:
        for ending in _ENDINGS:
            found = [file for file in path.glob(f"{level}{ending}") if not file.name.startswith((".", "cache-"))]
            if found:
                return sorted(found)
    return []


def _check(table: Table, *columns: str) -> None:
    for column in filter(None, columns):
        if column not in table.names:
            has = ", ".join(shown(name, 40) for name in table.names[:20])
            raise DataError(f"{shown(table.file)}: has no column {shown(column, 40)!r} (it has {has})")


def _part(tables: Sequence[Table], image: str, labels: Labels, problems: Mapping[int, str], origin: str) -> Part:
    ends = list(accumulate(table.rows for table in tables))

    def where(row: int) -> str:
        number = next(number for number, end in enumerate(ends) if row < end)
        return f"{tables[number].name} row {row - (ends[number] - tables[number].rows)}"

    def images() -> Iterator[Encoded]:
        return (encoded for table in tables for encoded in table.images(image))

    return Part(labels, images, where, origin, problems)
