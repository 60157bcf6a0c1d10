"""Reading of .csv, .tsv and .jsonl files as tables of texts."""

import csv
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import json as arrow_json

from mlpnas.datasets._labels import plain
from mlpnas.datasets._listing import escape
from mlpnas.datasets._walk import is_image
from mlpnas.errors import DataError

ENDINGS = (".csv", ".tsv", ".jsonl")
_DELIMITERS = ",;\t|"
_HEAD = 1 << 16


def read_rows(file: Path) -> pa.Table:
    """Return all columns as text; without names they are called 1, 2, ...

    Raises:
        DataError: it is no table in UTF-8.
    """
    try:
        return _read_json(file) if file.suffix.lower() == ".jsonl" else _read_csv(file)
    except DataError:
        raise
    except Exception as error:  # the readers raise errors of any class for damaged bytes
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{escape(file)}: not a readable table ({escape(line, 120)})") from None


def _read_csv(file: Path) -> pa.Table:
    with file.open("rb") as opened:
        head = opened.read(_HEAD)
    try:
        text = head.decode("utf-8-sig", "strict" if len(head) < _HEAD else "ignore")
    except UnicodeDecodeError:
        raise DataError(f"{escape(file)}: not in UTF-8; save it as a CSV file in UTF-8") from None
    lines = text.splitlines()
    if len(lines) < 2:
        raise DataError(f"{escape(file)}: holds no rows below its column names")
    first = lines[0]
    delimiter = max(_DELIMITERS, key=first.count)
    names = next(csv.reader(StringIO(first), delimiter=delimiter), [])
    has_names = not any(is_image(name.strip()) for name in names)
    columns = [name.strip() if has_names else str(number) for number, name in enumerate(names, 1)]
    if len(set(columns)) < len(columns):
        raise DataError(f"{escape(file)}: two columns have the same name ({escape(', '.join(columns), 100)})")
    return arrow_csv.read_csv(
        file,
        arrow_csv.ReadOptions(column_names=columns, skip_rows=int(has_names)),
        arrow_csv.ParseOptions(delimiter=delimiter),
        arrow_csv.ConvertOptions(column_types={name: pa.string() for name in columns}),
    )


def _read_json(file: Path) -> pa.Table:
    table = arrow_json.read_json(file)
    columns: dict[str, Any] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if not pa.types.is_nested(column.type) and not pa.types.is_temporal(column.type):
            columns[name] = plain(column, f"{escape(file)}: {escape(name, 40)}").cast(pa.string())
    return pa.table(columns)
