"""A table that names image files and their classes: labels.csv, metadata.csv, train.csv beside test.csv, .tsv, .jsonl.

The path is the table's or that of the folder with table and images. A column `split` may say train, val or test.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mlpnas.datasets import DataRef
from mlpnas.datasets._columns import FILES, LABELS, SPLITS, choose
from mlpnas.datasets._index import Index
from mlpnas.datasets._labels import number_classes, plain
from mlpnas.datasets._listing import Labels, Listing, Part, Stamp, escape
from mlpnas.datasets._parts import in_order, split_in, split_of
from mlpnas.datasets._rows import ENDINGS, read_rows
from mlpnas.datasets._walk import has_image, visible
from mlpnas.errors import DataError

_USUAL = ("metadata", "labels", "annotations", "train_labels")
_LOOKED_AT = 20  # rows that decide whether a column names images


class Csv:
    needs_path = True
    flip = True
    has_columns = True

    def __init__(self, ref: DataRef) -> None:
        self.path, self.ref = Path(ref.path), ref

    @classmethod
    def recognises(cls, path: Path) -> int:
        if path.is_file():
            return 2 if path.suffix.lower() in ENDINGS else 0
        files = _files(path)
        if any(_is_usable(file, Index(path)) for file in files):
            return 2
        return 1 if files and has_image(path) else 0  # so that the table's problem is reported

    def listing(self) -> Listing:
        if not self.path.exists():
            raise DataError(f"{self.path}: no such folder or file")
        root = self.path if self.path.is_dir() else self.path.parent
        index = Index(root)
        tables, notes = self._tables(index)
        label = self._label(tables[0])
        rows = [row for table in tables for row in table.rows(index, label)]
        found = _by_split(rows)
        if "train" not in found:
            raise DataError(f"{self.path}: has no train rows, only {' and '.join(found)}")
        columns = {split: [_column(some, str(self.path))] for split, some in found.items()}
        known = number_classes(columns, (), str(self.path))
        parts = {split: _part(some, root, known.labels[split]) for split, some in found.items()}
        stamp = _stamp(root, [table.file for table in tables], [row.name for row in rows if row.name])
        notes.append(f"files are column {escape(tables[0].column, 40)!r}, labels column {escape(label, 40)!r}")
        skipped: list[tuple[str, str]] = []
        if self.path.is_dir():
            named, skipped = {row.name for row in rows}, index.found.skipped
            if others := [name for name, _ in index.found.images if name not in named]:
                notes.append(f"{len(others):,} images that no row names are left out, {escape(others[0])} the first")
        return Listing(known.classes, parts, stamp, notes=tuple(notes), skipped=tuple(skipped))

    def _tables(self, index: Index) -> tuple[list["_Table"], list[str]]:
        """Return the tables to read, train's first, and notes about the others."""
        if self.path.is_file():
            return [_Table(self.path, index, self.ref.image_column)], []
        usable = [_Table(file, index, self.ref.image_column) for file in _files(self.path) if _is_usable(file, index)]
        if not usable:
            usable = self._any_tables(index)
        chosen = [table for table in usable if table.split]
        if not any(table.split == "train" for table in chosen):
            usual = [table for table in usable if table.file.stem.lower() in _USUAL]
            chosen = usable if len(usable) == 1 else usual
        if not chosen or (len(chosen) > 1 and not all(table.split for table in chosen)):
            listed = ", ".join(escape(table.file.relative_to(self.path)) for table in usable[:10])
            raise DataError(f"{self.path}: several tables name images ({listed}); give the path of one")
        read = [table.file for table in chosen]
        notes = [f"{escape(file.name)} is not read" for file in _files(self.path) if file not in read]
        return sorted(chosen, key=lambda table: table.split != "train"), notes

    def _any_tables(self, index: Index) -> list["_Table"]:
        """Return tables that name images in some way; raise DataError with each table's problem if there are none."""
        tables, wrong = list[_Table](), list[str]()
        for file in _files(self.path):
            try:
                tables.append(_Table(file, index, self.ref.image_column))
            except DataError as error:
                wrong.append(str(error))
        if not tables:
            raise DataError("\n".join(wrong) or f"{self.path}: no .csv, .tsv or .jsonl file is there")
        return tables

    def _label(self, table: "_Table") -> str:
        possible = [name for name in table.table.column_names if name not in (table.column, table.split_column)]
        return choose(self.ref.label_column, possible, LABELS, table.table.column_names, "label", str(table.file))


@dataclass
class _Row:
    """One row of a table: the image's name below the root or its problem, its class and split."""

    where: str
    name: str
    problem: str
    label: str | None
    split: str
    origin: str


class _Table:
    """A table with the columns that name images and splits."""

    def __init__(self, file: Path, index: Index, asked: str) -> None:
        self.file, self.table = file, read_rows(file)
        names = self.table.column_names
        self.folder = "" if file.parent == index.root else file.parent.relative_to(index.root).as_posix()
        self.split = split_in(file.stem) or (split_of(file.parent.name) if self.folder else "")
        possible = [name for name in names if _first_texts(self.table, name)]
        self.column = choose(asked, possible, (), names, "image", str(file)) if asked else self._guess(possible, index)
        self.split_column = next((name for name in names if name.lower() in SPLITS and self._says_splits(name)), "")

    def rows(self, index: Index, label: str) -> Iterator[_Row]:
        texts = self.table.column(self.column).to_pylist()
        empty = [None] * len(texts)
        labels = self.table.column(label).to_pylist() if label in self.table.column_names else empty
        splits = self.table.column(self.split_column).to_pylist() if self.split_column else empty
        origin = f"{self.folder}/{self.file.name}".removeprefix("/")
        origin += f", column {self.split_column!r}" if self.split_column else ""
        for number, (text, label_text, split_text) in enumerate(zip(texts, labels, splits, strict=True), 1):
            split = split_of(split_text or "") if self.split_column else self.split
            name, problem = index.resolve(text, self.folder, split) if text else ("", "names no file")
            where = escape(f"{self.file.name} row {number}") + (f" ({escape(name)})" if name else "")
            yield _Row(where, name, problem, label_text, split, escape(origin))

    def _guess(self, possible: Sequence[str], index: Index) -> str:
        usual = [name for wanted in FILES for name in possible if name.lower() == wanted]
        for name in dict.fromkeys([*usual, *possible]):
            if index.looks_right(_first_texts(self.table, name), self.folder):
                return name
        for name in dict.fromkeys([*usual, *possible]):
            if any(index.resolve(text, self.folder)[0] for text in _first_texts(self.table, name)):
                return name
        has = ", ".join(escape(name, 40) for name in self.table.column_names[:20])
        raise DataError(f"{escape(self.file)}: no column names images in {escape(index.root.name)}/ (it has {has})")

    def _says_splits(self, column: str) -> bool:
        values = {value for value in self.table.column(column).unique().to_pylist() if value}
        return bool(values) and all(split_of(value) for value in values)


def _files(folder: Path) -> list[Path]:
    """Return the tables in a folder and in its split folders."""
    top = sorted(visible(folder))
    inner = [file for path in top if path.is_dir() and split_of(path.name) for file in sorted(visible(path))]
    return [path for path in (*top, *inner) if path.suffix.lower() in ENDINGS and path.is_file()][:20]


def _is_usable(file: Path, index: Index) -> bool:
    """Return whether a table names an existing image and has another column."""
    try:
        table = read_rows(file)
    except DataError:
        return False
    folder = "" if file.parent == index.root else file.parent.relative_to(index.root).as_posix()
    names = table.column_names
    return len(names) > 1 and any(index.looks_right(_first_texts(table, name), folder) for name in names)


def _first_texts(table: pa.Table, column: str) -> list[str]:
    return [text for text in table.column(column).slice(0, _LOOKED_AT).to_pylist() if text]


def _by_split(rows: Sequence[_Row]) -> dict[str, list[_Row]]:
    """Return rows by split: from the table, else from the folders if all are splits, else all are train.

    A second row of an image is left out if it says the same, and is a problem if not.
    """
    by_folder = all(row.split or split_of(row.name) for row in rows if row.name)
    found: dict[str, list[_Row]] = {}
    first: dict[str, _Row] = {}
    for row in rows:
        before = first.setdefault(row.name, row) if row.name else row
        if before is not row and before.label == row.label:
            continue
        if before is not row:
            row.problem = f"has another class than in {before.where}"
        split = row.split or (split_of(row.name) if by_folder else "") or "train"
        found.setdefault(split, []).append(row)
    return in_order(found)


def _column(rows: Sequence[_Row], where: str) -> pa.ChunkedArray:
    return plain(pa.chunked_array([pa.array([row.label for row in rows], pa.string())]), where)


def _part(rows: Sequence[_Row], root: Path, labels: Labels) -> Part:
    names = [row.name for row in rows]
    places = [row.where for row in rows]
    problems = {number: row.problem for number, row in enumerate(rows) if row.problem}
    origins = ", ".join(dict.fromkeys(row.origin for row in rows))
    return Part(labels, lambda: (f"{root}/{name}" for name in names), places.__getitem__, origins, problems)


def _stamp(root: Path, tables: Sequence[Path], names: Sequence[str]) -> str:
    stamp = Stamp()
    for file in (*tables, *(root / name for name in names)):
        try:
            stamp.add(file, os.stat(file))
        except OSError as error:
            raise DataError(f"{escape(file)}: cannot be read ({error.strerror})") from None
    return str(stamp)
