"""Parquet parts: the only truth of a run. Append-only; one writer; a part is complete or not there.

A table is a folder of parts `part-FIRST-LAST.parquet`. Compaction writes one part that covers the range of many and
then deletes those; a reader that meets both takes the wider one, so a crash in between loses and repeats nothing.
"""

import json
import math
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mlpnas.errors import RunError
from mlpnas.files import clear_leftovers, replacing, until_there_is_room
from mlpnas.record import EpochRow, Record

SCHEMA_VERSION = 1
_PART = re.compile(r"part-(\d{6})-(\d{6})\.parquet")
_JSON = ("answers", "sampler_state")
_TYPES: Mapping[Any, pa.DataType] = {int: pa.int64(), float: pa.float64(), str: pa.string()}
_FIXED, _CURVE = (tuple(f.name for f in fields(row) if f.name != "values") for row in (Record, EpochRow))
_COMPACT_AT = 64
_METADATA = {"mlpnas_schema": str(SCHEMA_VERSION)}


def _schema(cls: type, extra: Iterable[str] = ()) -> pa.Schema:
    plain = [(f.name, _TYPES.get(f.type, pa.string())) for f in fields(cls) if f.name != "values"]
    columns = plain + [(name, pa.float64()) for name in extra]
    return pa.schema(columns)


class Table:
    """One Parquet table of a run folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._next = max((last for _, last, _ in self._all_parts()), default=-1) + 1

    def _all_parts(self) -> Iterator[tuple[int, int, Path]]:
        for path in self.folder.glob("part-*.parquet"):
            if match := _PART.fullmatch(path.name):
                yield int(match[1]), int(match[2]), path

    def _parts(self) -> list[tuple[int, int, Path]]:
        """Parts in order, without those that a wider one covers."""
        kept: list[tuple[int, int, Path]] = []
        for first, last, path in sorted(self._all_parts(), key=lambda part: (part[0], -part[1])):
            if not kept or first > kept[-1][1]:
                kept.append((first, last, path))
        return kept

    def append(self, table: pa.Table) -> None:
        """Write one part; it is on disk, whole, when this returns."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write(table, self._next, self._next)
        self._next += 1
        if len(self._parts()) >= _COMPACT_AT:
            self.compact()

    def _write(self, table: pa.Table, first: int, last: int) -> None:
        path = self.folder / f"part-{first:06d}-{last:06d}.parquet"
        with replacing(path) as temporary:
            pq.write_table(table.replace_schema_metadata(_METADATA), temporary)

    def compact(self, is_kept: Callable[[pa.Table], list[bool]] = lambda table: [True] * table.num_rows) -> None:
        """Join all parts into one, of the rows that are kept.

        What a crash left half written or already joined is cleared away.
        """
        clear_leftovers(self.folder)
        parts, table = self._parts(), self.read()
        kept = is_kept(table)
        if len(parts) > 1 or not all(kept):
            for _ in until_there_is_room(lambda: self._write(table.filter(kept), parts[0][0], parts[-1][1])):
                break  # many parts are as good as one; another time
        current = {path for _, _, path in self._parts()}
        for path in set(self.folder.glob("part-*.parquet")) - current:
            path.unlink(missing_ok=True)

    def read(self) -> pa.Table:
        """All rows, columns matched by name; a column that an older part lacks is null there.

        Raises:
            RunError: a part is no readable Parquet file.
        """
        while True:
            try:
                parts = [_read(path) for _, _, path in self._parts()]
            except FileNotFoundError:  # joined by the writer since they were listed: list again
                continue
            return pa.concat_tables(parts or [pa.table({})], promote_options="default")


def _read(path: Path) -> pa.Table:
    try:
        table = pq.read_table(path, partitioning=None)  # a folder called `lr=0.1` is no column
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise RunError(f"{path}: not readable as Parquet ({error}); move it away to go on without its rows") from None
    version = int((table.schema.metadata or {}).get(b"mlpnas_schema", b"0"))
    if version > SCHEMA_VERSION:
        raise RunError(f"{path}: written by a newer mlpnas (schema {version}); update mlpnas to read it")
    return table


class Store:
    """The trials and epochs of one run folder."""

    def __init__(self, folder: Path) -> None:
        self.trials = Table(folder / "trials")
        self.epochs = Table(folder / "epochs")

    def append(self, record: Record, curve: Sequence[EpochRow] = ()) -> None:
        """Keep a trial and its curve; the curve first, so that a record always has its own."""
        self.append_curve(curve)
        row = {name: getattr(record, name) for name in _FIXED} | dict(record.values)
        row |= {name: json.dumps(dict(row[name]), sort_keys=True) for name in _JSON}
        row["error"] = record.error.encode("utf-8", "replace").decode()  # may quote a file name that is no UTF-8
        self.trials.append(pa.Table.from_pylist([row], schema=_schema(Record, record.values)))

    def append_curve(self, curve: Sequence[EpochRow]) -> None:
        """Keep a curve whose trial is not kept yet."""
        if curve:
            rows = [{name: getattr(row, name) for name in _CURVE} | dict(row.values) for row in curve]
            self.epochs.append(pa.Table.from_pylist(rows, schema=_schema(EpochRow, curve[0].values)))

    def history(self) -> list[Record]:
        """Every record in the order of writing; a trial has several where it stopped at a fidelity and went on.

        Raises:
            RunError: a part is unreadable, or holds something other than trials.
        """
        rows = self.trials.read().to_pylist()
        try:
            return [_record(row) for row in rows]
        except (TypeError, ValueError) as error:
            raise RunError(f"{self.trials.folder}: a part holds something other than trials ({error})") from None

    def curves(self) -> dict[int, list[EpochRow]]:
        """Training curves by trial."""
        curves: dict[int, dict[int, EpochRow]] = {}
        for row in self.epochs.read().to_pylist():
            known = {name: row.get(name, math.nan) for name in _CURVE}
            values = {name: value for name, value in row.items() if name not in _CURVE and value is not None}
            curves.setdefault(row["trial"], {})[row["epoch"]] = EpochRow(**known, values=values)
        return {trial: list(curve.values()) for trial, curve in curves.items()}

    def compact(self) -> None:
        self.trials.compact()
        table = self.trials.read()
        trials = set(table.column("trial").to_pylist()) if table.num_rows else set()
        self.epochs.compact(partial(_of_records, trials))


def _of_records(trials: Container[int], epochs: pa.Table) -> list[bool]:
    """Rows that belong to a record, each once: a crash may have come after a curve and before its record."""
    names = ("trial", "epoch") if epochs.num_rows else ()
    rows = list(zip(*(epochs.column(name).to_pylist() for name in names), strict=True))
    last = {row: place for place, row in enumerate(rows)}
    return [row[0] in trials and last[row] == place for place, row in enumerate(rows)]


def _record(row: Mapping[str, Any]) -> Record:
    known = {name: row[name] for name in _FIXED if row.get(name) is not None}
    known |= {name: json.loads(known[name]) for name in _JSON if name in known}
    values = {name: value for name, value in row.items() if name not in _FIXED and value is not None}
    return Record(**known, values=values)
