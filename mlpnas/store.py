"""Parquet parts: the only truth of a run. Append-only; one writer; a part is complete or not there.

A table is a folder of parts `part-FIRST-LAST.parquet`. Compaction writes one part that covers the range of many and
then deletes those; a reader that meets both takes the wider one, so a crash in between loses and repeats nothing.

A part that cannot be used is set aside: it is named, the others are read, and no command moves or deletes it.
"""

import json
import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from mlpnas import columns, parts, run_files
from mlpnas.errors import RunError
from mlpnas.files import clear_leftovers, retrying_while_disk_full
from mlpnas.parts import BadPart
from mlpnas.plain_text import masked
from mlpnas.record import EpochRow, Record
from mlpnas.run_files import EPOCHS, LAST_PART, TABLES, TRIALS, part_name, part_range

_COMPACT_AT = 64


class Part(NamedTuple):
    """A file of a table, and the numbers that it covers."""

    first: int
    last: int
    path: Path

    def covers(self, other: "Part") -> bool:
        return self.first <= other.first and other.last <= self.last


class Table:
    """One Parquet table of a run folder.

    Args:
        check: returns a part's rows in our types, or raises ValueError.
        run: the identity of the run; None: parts of every run are read, and those that are written have none.
        absent: names of parts that the run has elsewhere and that could not be fetched: they are set aside.

    Attributes:
        set_aside: what the last reading could not use: file -> reason.
    """

    def __init__(
        self,
        folder: Path,
        check: Callable[[pa.Table], pa.Table],
        run: str | None = None,
        absent: Iterable[str] = (),
    ) -> None:
        self.folder, self._check, self._run = folder, check, run
        self._absent = [folder / name for name in absent]
        self.set_aside: dict[Path, str] = {}
        self._sound: set[tuple[str, int]] = set()  # parts whose JSON is known to be right, by name and time
        self._next = max((part.last for part in self._list_parts()), default=-1) + 1
        self._since = len(self._list_parts())  # parts that were not joined yet
        self._has_begun = self._since > 0

    def _list_parts(self) -> list[Part]:
        """Return every part, the wider one first where two begin together; other files of that kind are set aside."""
        if self.folder.is_symlink():
            self.set_aside[self.folder] = "is a link, which is not followed"
            return []
        if self.folder.is_file():
            self.set_aside[self.folder] = "is a file where a run has a folder"
            return []
        found = []
        for path in {*self.folder.glob("part-*.parquet"), *self._absent}:
            if covered := part_range(path.name):
                found.append(Part(*covered, path))
            else:
                self.set_aside[path] = "its name is not part-FIRST-LAST.parquet"
        return sorted(found, key=lambda part: (part.first, -part.last))

    def is_there(self) -> bool:
        """Return whether what was written to it is: False where all its parts are gone."""
        return not self._has_begun or bool(self._list_parts())

    def append(self, table: pa.Table) -> None:
        """Write one part; it is on disk, whole, when this returns.

        Raises:
            RunError: all parts that were there are gone, or there are too many.
        """
        if not self.is_there():
            raise RunError(f"{self.folder}: was deleted while the run was searched, so the search has stopped")
        if self._next > LAST_PART:
            raise RunError(f"{self.folder}: no number is left after that of its last part; move that one away")
        self.folder.mkdir(exist_ok=True)  # but never the run folder, which somebody may have deleted
        self._write(table, self._next, self._next)
        self._next += 1
        self._since += 1
        if self._since >= _COMPACT_AT:
            with suppress(OSError):  # the row is stored; parts are joined another time
                self.compact()

    def _write(self, table: pa.Table, first: int, last: int) -> None:
        path = self.folder / part_name(first, last)
        parts.write(path, table, self._run or "")
        self._sound.add(_stamp(path))
        self._has_begun = True

    def compact(self, is_kept: Callable[[pa.Table], list[bool]] = lambda table: [True] * table.num_rows) -> None:
        """Join parts into as few as can be, of the rows that are kept; what is set aside stays, and stays visible.

        What a crash left half written or already joined is cleared away.
        """
        clear_leftovers(self.folder)
        read = self._read()
        self._since = 1
        for group in self._groups([part for part, _ in read]):
            table = _join([table for part, table in read if part in group])
            kept = is_kept(table)
            if len(group) > 1 or not all(kept):
                wide = Part(group[0].first, max(part.last for part in group), self.folder)
                for _ in retrying_while_disk_full(partial(self._write, table.filter(kept), wide.first, wide.last)):
                    return  # many parts are as good as one
                if not self._can_read(joined := self.folder / part_name(wide.first, wide.last)):
                    joined.unlink()
                    return
                self._delete_covered(wide)
        for part, _ in read:
            self._delete_covered(part)

    def _groups(self, good: list[Part]) -> list[list[Part]]:
        """Return the parts that may be joined: none of the new ones covers a part that is set aside."""
        bad = [Part(*covered, path) for path in self.set_aside if (covered := part_range(path.name))]
        groups: list[list[Part]] = []
        for part in good:
            last = groups[-1] if groups else []
            wide = Part(last[0].first, max(part.last, *(old.last for old in last)), part.path) if last else part
            if last and not any(wide.covers(one) for one in bad):
                last.append(part)
            else:
                groups.append([part])
        return groups

    def _delete_covered(self, wide: Part) -> None:
        name = part_name(wide.first, wide.last)
        for part in self._list_parts():
            if wide.covers(part) and part.path.name != name and part.path not in self.set_aside:
                part.path.unlink(missing_ok=True)

    def read(self) -> pa.Table:
        """Return all rows, columns matched by name; a column that an older part lacks is null there.

        What cannot be used is in `set_aside` afterwards.
        """
        return _join([table for _, table in self._read()])

    def _read(self) -> list[tuple[Part, pa.Table]]:
        """Return what every part holds that no other covers, in order."""
        before: list[Part] | None = None
        while True:
            self.set_aside = {}
            listed = self._list_parts()
            try:
                return list(self._read_each(listed, is_last_try=listed == before))
            except FileNotFoundError:  # joined by the writer since they were listed: list again
                before = listed

    def _read_each(self, listed: list[Part], is_last_try: bool) -> Iterator[tuple[Part, pa.Table]]:
        end = -1
        for part in listed:
            if part.last <= end:
                continue  # a wider part holds its rows
            try:
                table = self._rows(part.path)
            except BadPart as error:
                self.set_aside[part.path] = str(error)
            except FileNotFoundError:
                if not is_last_try:
                    raise
                self.set_aside[part.path] = "is listed, but cannot be read"
            else:
                end = part.last
                yield part, table

    def _can_read(self, path: Path) -> bool:
        """Return whether a part that was just written can be read: nothing is deleted for one that cannot."""
        try:
            self._rows(path)
        except BadPart:
            return False
        return True

    def _rows(self, path: Path) -> pa.Table:
        """Return the rows of a part; raises BadPart, FileNotFoundError."""
        try:
            table = self._check(parts.read(path, self._run))
            if (stamp := _stamp(path)) not in self._sound:
                columns.check_json(table)
                self._sound.add(stamp)
        except ValueError as error:
            raise BadPart(str(error)) from None
        return table


def _join(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables or [pa.table({})], promote_options="default")


def _stamp(path: Path) -> tuple[str, int]:
    return path.name, path.lstat().st_mtime_ns


class Store:
    """The trials and epochs of one run folder.

    Args:
        run: the identity of the run; absent: names, from the run folder, of parts that are elsewhere; see Table.
    """

    def __init__(self, folder: Path, run: str | None = None, absent: Sequence[str] = ()) -> None:
        self.folder = folder
        gone = {kind: [name.rpartition("/")[2] for name in absent if name.startswith(f"{kind}/")] for kind in TABLES}
        self.trials = Table(folder / TRIALS, columns.check_trials, run, gone[TRIALS])
        self.epochs = Table(folder / EPOCHS, columns.check_epochs, run, gone[EPOCHS])

    @property
    def set_aside(self) -> dict[str, str]:
        """Return the files that the last readings could not use: name from the run folder -> reason."""
        found = {**self.trials.set_aside, **self.epochs.set_aside}
        return {path.relative_to(self.folder).as_posix(): reason for path, reason in sorted(found.items())}

    def append(self, record: Record, curve: Sequence[EpochRow] = ()) -> None:
        """Keep a trial and its curve; the curve first, so that a record always has its own."""
        self.append_curve(curve)
        row = {name: getattr(record, name) for name in columns.FIXED} | dict(record.values)
        row |= {name: json.dumps(dict(row[name]), sort_keys=True) for name in columns.JSON}
        row["error"] = masked(record.error.encode("utf-8", "replace").decode())  # may quote a name that is no UTF-8
        self.trials.append(pa.Table.from_pylist([row], schema=columns.schema(Record, record.values)))

    def append_curve(self, curve: Sequence[EpochRow]) -> None:
        """Keep a curve whose trial is not kept yet."""
        if curve:
            rows = [{name: getattr(row, name) for name in columns.CURVE} | dict(row.values) for row in curve]
            names = dict.fromkeys(name for row in curve for name in row.values)
            self.epochs.append(pa.Table.from_pylist(rows, schema=columns.schema(EpochRow, names)))

    def history(self) -> list[Record]:
        """Return every record in the order of writing, of the parts that can be used.

        A trial that was promoted has several records.
        """
        return [_record(row) for row in self.trials.read().to_pylist()]

    def curves(self) -> dict[int, list[EpochRow]]:
        """Return the training curves by trial, of the parts that can be used; what one lacks is NaN."""
        curves: dict[int, dict[int, EpochRow]] = {}
        for row in self.epochs.read().to_pylist():
            known = {name: row.get(name) for name in columns.CURVE}
            known = {name: math.nan if value is None else value for name, value in known.items()}
            curves.setdefault(row["trial"], {})[row["epoch"]] = EpochRow(**known, values=_values(row, columns.CURVE))
        return {trial: list(curve.values()) for trial, curve in curves.items()}

    def compact(self) -> None:
        """Join the parts of both tables; rows of a curve whose trial was not kept go, if every trial could be read."""
        run_files.check_folders(self.folder)
        self.trials.compact()
        table = self.trials.read()
        trials = set(table.column("trial").to_pylist()) if table.num_rows else set()
        self.epochs.compact(partial(_belong_to_trials, None if self.trials.set_aside else trials))


def _belong_to_trials(trials: Container[int] | None, epochs: pa.Table) -> list[bool]:
    """Return which rows belong to a record, each once: a crash may have come after a curve and before its record."""
    names = ("trial", "epoch") if epochs.num_rows else ()
    rows = list(zip(*(epochs.column(name).to_pylist() for name in names), strict=True))
    last = {row: place for place, row in enumerate(rows)}
    return [(trials is None or row[0] in trials) and last[row] == place for place, row in enumerate(rows)]


def _record(row: Mapping[str, Any]) -> Record:
    known = {name: row[name] for name in columns.FIXED if row.get(name) is not None}
    known |= {name: json.loads(known[name]) for name in columns.JSON if name in known}
    return Record(**known, values=_values(row, columns.FIXED))


def _values(row: Mapping[str, Any], fixed: Container[str]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name not in fixed and value is not None}
