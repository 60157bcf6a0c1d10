"""mlpnas front: print the best trials of a run."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpnas.commands._opened import open_run
from mlpnas.commands._terminal import say
from mlpnas.plain_text import spreadsheet_cell

if TYPE_CHECKING:
    from mlpnas.run import Run


class Form(StrEnum):
    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


def front(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A name under runs/, a path, or a URI.")],
    form: Annotated[Form, typer.Option("--format", help="csv, json and parquet are for machines.")] = Form.table,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write there instead of printing.")] = None,
) -> None:
    """Print the trials that no other beats in every objective, the cheapest first."""
    from mlpnas.errors import RunError

    found = open_run(run)
    if output is not None:
        try:
            output.write_bytes(_content(found, form))
        except OSError as error:
            raise RunError(f"--output {output}: cannot be written ({error.strerror}); name another file") from None
    elif form is Form.table:
        _show(found)
    elif form is Form.parquet and sys.stdout.isatty():
        raise RunError("--format parquet: is no text for a terminal; add --output FILE")
    else:
        sys.stdout.buffer.write(_content(found, form))
        sys.stdout.buffer.flush()


def _rows(run: "Run") -> list[dict[str, Any]]:
    """Return a row for each trial: trial, key, status, the objectives, macs, params, the other values, spec."""
    from mlpnas.report.wording import columns

    front = run.front()
    names = dict.fromkeys([*columns(run), *(name for record in front for name in sorted(record.values))])
    return [
        {"trial": record.trial, "key": record.key, "status": record.status}
        | {name: _whole(name, record.values.get(name)) for name in names}
        | {"spec": record.spec}
        for record in front
    ]


def _whole(name: str, value: float | None) -> float | None:
    """Return counts as whole numbers, though the store keeps all values as floats."""
    return int(value) if value is not None and _is_count(name) else value


def _is_count(name: str) -> bool:
    from mlpnas.objectives import describe

    return name == "trial" or describe(name).format.is_whole


def _content(run: "Run", form: Form) -> bytes:
    import io
    import json

    from pyarrow import csv, parquet

    from mlpnas.commands._table import plain

    rows, file = _rows(run), io.BytesIO()
    match form:
        case Form.table:
            return (plain(*_table(run)) + "\n").encode()
        case Form.json:
            found = [{**row, "spec": run.spec(record).to_json()} for row, record in zip(rows, run.front(), strict=True)]
            return (json.dumps(found, indent=2) + "\n").encode()
        case Form.csv:
            csv.write_csv(_arrow(run, [_safe(row) for row in rows]), file)
        case Form.parquet:
            parquet.write_table(_arrow(run, rows), file)
    return file.getvalue()


def _safe(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row for spreadsheets, which compute texts that begin like a formula."""
    return {name: spreadsheet_cell(value) if isinstance(value, str) else value for name, value in row.items()}


def _arrow(run: "Run", rows: list[dict[str, Any]]) -> Any:
    """Return a table typed by the columns' names, so that an empty front has its columns too."""
    import pyarrow as pa

    from mlpnas.report.wording import columns

    texts = ("key", "status", "spec")
    names = rows[0] if rows else ["trial", "key", "status", *columns(run), "spec"]
    types = {name: pa.string() if name in texts else pa.int64() if _is_count(name) else pa.float64() for name in names}
    return pa.Table.from_pylist(rows, schema=pa.schema(types.items()))


def _show(run: "Run") -> None:
    from mlpnas.commands._table import print_table
    from mlpnas.report import wording

    if run.front():
        print_table(*_table(run))
    else:
        say(f"{wording.answer(run)}: {wording.tally(run)}")


def _table(run: "Run") -> tuple[list[str], list[list[str]], set[str]]:
    from mlpnas.report.wording import cell, columns, label, short

    names = columns(run)
    heads = [label(name) for name in names]
    lines = [
        [str(r.trial), *(cell(name, r.values.get(name)) for name in names), short(run.spec(r))] for r in run.front()
    ]
    return ["trial", *heads, "architecture"], lines, {"trial", *heads}
