"""Conversion of label columns of any type into class names and numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlpnas.datasets._listing import NO_LABEL, Labels, escape
from mlpnas.errors import DataError


@dataclass(frozen=True)
class Classes:
    """Class names, and for each split the class number of every row and the problem of a bad row."""

    classes: tuple[str, ...]
    labels: Mapping[str, Labels]
    problems: Mapping[str, Mapping[int, str]]


def is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def is_label(kind: pa.DataType) -> bool:
    """Return whether a column of this type can hold one class per row."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    tests = (pa.types.is_integer, pa.types.is_boolean, pa.types.is_floating, pa.types.is_null, is_text)
    return any(test(kind) for test in tests)


def plain(column: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """Convert a column to int64, bool, text or nulls; an empty text and a NaN become null.

    Raises:
        DataError: its values are neither integers nor words.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return column
    try:
        if pa.types.is_floating(kind):
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
        if pa.types.is_floating(kind) or pa.types.is_integer(kind):
            return column.cast(pa.int64())
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"{where}: labels must be integers or words ({escape(error, 100)})") from None
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def number_classes(columns: Mapping[str, Sequence[pa.ChunkedArray]], names: Sequence[str], where: str) -> Classes:
    """Number the classes: by `names` if the labels are integers, else all labels that occur, train's first.

    Args:
        columns: split -> columns from `plain`.

    Raises:
        DataError: some labels are numbers and some are words.
    """
    kinds = {column.type for some in columns.values() for column in some} - {pa.null()}
    if len(kinds) > 1:
        raise DataError(f"{where}: labels are {' in one file and '.join(sorted(map(str, kinds)))} in another")
    kind = next(iter(kinds), pa.string())
    joined = {
        split: pa.chunked_array([chunk.cast(kind) for column in some for chunk in column.chunks], kind)
        for split, some in columns.items()
    }
    if names and kind == pa.int64():
        return _by_names(joined, names)
    values = _values(joined["train"])
    known = set(values)
    values += [value for column in joined.values() for value in _values(column) if value not in known]
    values = [value for value in dict.fromkeys(values) if not _is_no_label(value, values)]
    return Classes(
        tuple(str(value).lower() if isinstance(value, bool) else str(value) for value in values),
        {split: _numbers(column, values) for split, column in joined.items()},
        {split: {} for split in joined},
    )


def _by_names(columns: Mapping[str, pa.ChunkedArray], names: Sequence[str]) -> Classes:
    labels, problems = dict[str, Labels](), dict[str, dict[int, str]]()
    for split, column in columns.items():
        numbers = column.fill_null(NO_LABEL).to_numpy().astype(np.int64)
        wrong = np.flatnonzero(numbers >= len(names)).tolist()
        text = "label {} is out of range; there are {} classes"
        problems[split] = {row: text.format(numbers[row], len(names)) for row in wrong}
        labels[split] = np.where(numbers < 0, NO_LABEL, np.minimum(numbers, len(names) - 1))
    return Classes(tuple(map(str, names)), labels, problems)


def _values(column: pa.ChunkedArray) -> list[object]:
    values = pc.unique(column.drop_null()).to_pylist()
    if all(isinstance(value, str) and len(value) < 20 and value.isascii() and value.isdigit() for value in values):
        return sorted(values, key=lambda value: (int(value), value))
    return sorted(values)


def _is_no_label(value: object, values: Sequence[object]) -> bool:
    """Return whether a value is the -1 for "no label", and not one of two classes -1 and 1."""
    return value in (-1, "-1") and {str(value) for value in values} != {"-1", "1"}


def _numbers(column: pa.ChunkedArray, values: Sequence[object]) -> Labels:
    if not values:
        return np.full(len(column), NO_LABEL, np.int64)
    found = pc.index_in(column, value_set=pa.array(values, column.type))
    return found.fill_null(NO_LABEL).to_numpy().astype(np.int64)
