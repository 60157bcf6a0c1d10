"""A column of labels, whatever its type, -> class names and numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlpnas.datasets._listing import NO_LABEL, Labels, shown
from mlpnas.errors import DataError


@dataclass(frozen=True)
class Numbered:
    """Class names, and for each split the number of every row's class and what is wrong with a row."""

    classes: tuple[str, ...]
    labels: Mapping[str, Labels]
    problems: Mapping[str, Mapping[int, str]]


def is_label(kind: pa.DataType) -> bool:
    """Whether a column of this type can hold one class a row."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    tests = (pa.types.is_integer, pa.types.is_boolean, pa.types.is_floating, _is_text)
    return any(test(kind) for test in tests)


def numbered(columns: Mapping[str, pa.ChunkedArray], names: Sequence[str], where: str) -> Numbered:
    """Number the classes: by their names where integers have such, else all that occur, train's first.

    Args:
        columns: of each split, all of one type.

    Raises:
        DataError: fractions are no labels.
    """
    plain = {split: _plain(column, where) for split, column in columns.items()}
    is_named = bool(names) and all(pa.types.is_integer(column.type) for column in plain.values())
    if is_named:
        return _by_names(plain, names)
    values = _values(plain.get("train", pa.chunked_array([], pa.string())))
    values += [value for column in plain.values() for value in _values(column) if value not in set(values)]
    values = [value for value in dict.fromkeys(values) if not _means_none(value, values)]
    return Numbered(
        tuple(_text(value) for value in values),
        {split: _numbers(column, values) for split, column in plain.items()},
        {split: {} for split in plain},
    )


def _plain(column: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """As int64, bool or string; an empty text is no label."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_boolean(column.type):
        return column
    try:
        if pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
            return column.cast(pa.int64())
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    except pa.ArrowInvalid as error:
        raise DataError(f"{where}: labels must be integers or words ({shown(error, 100)})") from None
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _by_names(columns: Mapping[str, pa.ChunkedArray], names: Sequence[str]) -> Numbered:
    labels, problems = dict[str, Labels](), dict[str, dict[int, str]]()
    for split, column in columns.items():
        numbers = column.fill_null(NO_LABEL).to_numpy().astype(np.int64)
        wrong = np.flatnonzero(numbers >= len(names)).tolist()
        text = "label {} is out of range; there are {} classes"
        problems[split] = {row: text.format(numbers[row], len(names)) for row in wrong}
        labels[split] = np.where((numbers < 0) | (numbers >= len(names)), NO_LABEL, numbers)
        labels[split][wrong] = 0
    return Numbered(tuple(map(str, names)), labels, problems)


def _values(column: pa.ChunkedArray) -> list[object]:
    values = pc.unique(column.drop_null()).to_pylist()
    if values and all(isinstance(value, str) and value.isascii() and value.lstrip("-").isdigit() for value in values):
        return sorted(values, key=lambda value: (len(value) > 300, int(value[:300].replace("-", "") or 0), value))
    return sorted(values)


def _means_none(value: object, values: Sequence[object]) -> bool:
    """Whether it is the -1 that stands for "no label", and not one of two classes -1 and 1."""
    return value == -1 and set(values) != {-1, 1}


def _numbers(column: pa.ChunkedArray, values: Sequence[object]) -> Labels:
    if not values:
        return np.full(len(column), NO_LABEL, np.int64)
    found = pc.index_in(column, value_set=pa.array(values, column.type))
    return found.fill_null(NO_LABEL).to_numpy().astype(np.int64)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_text(kind: pa.DataType) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in tests)
