"""The columns that the tables of a run may have: names, types and ranges, checked whole columns at a time."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlpnas.plain_text import quoted, shortened
from mlpnas.record import ORIGINS, STATUSES, EpochRow, Record
from mlpnas.run_files import WEIGHTS_NAME
from mlpnas.units import FORMATS

JSON = ("answers", "sampler_state")
FIXED, CURVE = (tuple(f.name for f in fields(row) if f.name != "values") for row in (Record, EpochRow))
_TYPES: Mapping[Any, pa.DataType] = {int: pa.int64(), float: pa.float64(), str: pa.string()}
_TEXT = r'"[^"\\\\\x00-\x1f]*"'
_PLAIN = rf"(?:{_TEXT}|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)"
_FLAT = rf"^\{{(?:{_TEXT}: {_PLAIN}(?:, {_TEXT}: {_PLAIN})*)?\}}$"  # a JSON object of plain values, as most are
_VALUE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_CHOICES = {"status": STATUSES, "origin": ORIGINS}
_MOST = {"trial": 10**12, "epoch": 10**9, "epochs": 10**9, "seed": 2**63 - 1}
_LONGEST = 1e11  # seconds, also since 1970
_LARGEST = 1e18  # of a count
_TIMES = ("seconds", "started", "finished")


def schema(cls: type, values: Iterable[str] = ()) -> pa.Schema:
    """Return the columns of a table of Record or EpochRow with such values."""
    return pa.schema([*_types(cls).items(), *((name, pa.float64()) for name in values)])


def check_trials(table: pa.Table) -> pa.Table:
    """Check a table of trials, and return it in our types.

    Raises:
        ValueError: it holds something other than trials; says in which column.
    """
    table = _check_table(table, Record, required=[f.name for f in fields(Record) if _is_required(f)])
    for name in set(table.column_names) & set(_CHOICES):
        _check_column(
            name, table[name], pc.is_in(table[name], pa.array([*_CHOICES[name], None])), "a name that is not known"
        )
    if "weights" in table.column_names:
        is_named = pc.match_substring_regex(table["weights"], f"^({WEIGHTS_NAME})?$")
        _check_column("weights", table["weights"], is_named, "no name of a weights file, like weights/3.safetensors")
    return table


def check_epochs(table: pa.Table) -> pa.Table:
    """Check a table of epochs, and return it in our types; raises as `check_trials` does."""
    return _check_table(table, EpochRow, required=["trial", "epoch"])


def check_json(table: pa.Table) -> None:
    """Check the columns that hold JSON; rows that are not plain objects are parsed one by one.

    Raises:
        ValueError: one of them is no object, or an answer is no plain value.
    """
    for name in set(table.column_names) & set(JSON):
        is_flat = pc.fill_null(pc.match_substring_regex(table[name], _FLAT), True)
        for text in table[name].filter(pc.invert(is_flat)).to_pylist():
            _check_object(name, text)


def _check_object(name: str, text: str) -> None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"column {name!r} holds {quoted(text)}, no JSON object")
    if name == "answers" and any(isinstance(value, (dict, list)) for value in found.values()):
        raise ValueError(f"column {name!r} holds {quoted(text)}, where an answer is no plain value")


def _types(cls: type) -> dict[str, pa.DataType]:
    return {f.name: _TYPES.get(f.type, pa.string()) for f in fields(cls) if f.name != "values"}


def _is_required(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _check_table(table: pa.Table, cls: type, required: list[str]) -> pa.Table:
    names, known = table.column_names, _types(cls)
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"has two columns {quoted(twice)}")
    if missing := [name for name in required if name not in names]:
        raise ValueError(f"has no column {missing[0]!r}")
    columns = {name: _cast(name, table[name], known.get(name, pa.float64()), name in known) for name in names}
    for name in required:
        if columns[name].null_count:
            raise ValueError(f"column {name!r} has rows without a value")
    for name, column in columns.items():
        _check_range(name, column)
    return pa.table(columns)


def _cast(name: str, column: pa.ChunkedArray, wanted: pa.DataType, is_known: bool) -> pa.ChunkedArray:
    if not is_known and not _VALUE.fullmatch(name):
        raise ValueError(f"has a column {quoted(name)}, which is no name of a value")
    if not pa.types.is_null(column.type) and not _fits(column.type, wanted):
        words = {pa.int64(): "integers", pa.float64(): "numbers"}.get(wanted, "text")
        raise ValueError(f"column {quoted(name)} holds {shortened(str(column.type))}, expected {words}")
    try:
        return column.cast(wanted)
    except (pa.ArrowException, ValueError) as error:
        raise ValueError(f"column {quoted(name)}: {shortened(str(error))}") from None


def _fits(held: pa.DataType, wanted: pa.DataType) -> bool:
    kinds = pa.types
    if wanted == pa.int64():
        return kinds.is_integer(held)
    if wanted == pa.float64():
        return kinds.is_integer(held) or kinds.is_floating(held)
    if kinds.is_dictionary(held):
        held = held.value_type
    return kinds.is_string(held) or kinds.is_large_string(held) or kinds.is_string_view(held)


def _check_range(name: str, column: pa.ChunkedArray) -> None:
    if name in _MOST:
        most: float = _MOST[name]
    elif name in _TIMES:
        most = _LONGEST
    elif name in FORMATS and FORMATS[name].is_whole:
        most = _LARGEST
    else:
        return
    is_inside = pc.and_(pc.greater_equal(column, 0), pc.less_equal(column, most))  # which NaN is not
    _check_column(name, column, is_inside, f"not from 0 to {most:g}")


def _check_column(name: str, column: pa.ChunkedArray, is_right: pa.ChunkedArray, why: str) -> None:
    """Raise ValueError for the first wrong row; a row without a value is right here."""
    if not pc.all(is_right, min_count=0).as_py():
        wrong = column.filter(pc.invert(pc.fill_null(is_right, True)))
        raise ValueError(f"column {quoted(name)} holds {quoted(wrong[0].as_py())}, {why}")
