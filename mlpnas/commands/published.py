"""mlpnas published: list the models that can be built, costed and searched from by name."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mlpnas.commands._terminal import say

if TYPE_CHECKING:
    from mlpnas.commands._comparison import Row
    from mlpnas.published import Published

_LEGEND = (
    "params in millions, MACs in billions; 1 FLOP = 1 multiply-accumulate. theirs: the upstream implementation, built "
    "and counted, equal to ours to the unit unless marked !. why: = if ours round to the printed number, or the number "
    "of a note above. resolution: free, weights fit any input size; interpolated, they do once the position table is "
    "resampled; fixed, they fit this size only."
)


def published(
    family: Annotated[str | None, typer.Option(metavar="F", help="Only this family, like as_mlp.")] = None,
    sources: Annotated[bool, typer.Option("--sources", help="Also print the sources of the numbers.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as a document.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list.")] = False,
) -> None:
    """List the published models: params and MACs as counted here, by upstream and in print; top-1 on ImageNet-1K."""
    import json

    from mlpnas.commands._comparison import rows

    found = rows(_models(family))
    if as_json:
        print(json.dumps([row.to_json() for row in found]))
    elif markdown:
        from mlpnas.commands._published_document import document

        say(document(found), end="")
    else:
        _print(found, sources)


def _models(family: str | None) -> "list[Published]":
    from mlpnas.errors import UnknownName
    from mlpnas.published import find, names

    models = [find(name) for name in names()]
    families = list(dict.fromkeys(model.family for model in models))
    if family and family not in families:
        raise UnknownName("family", family, families)
    return [model for model in models if family in (None, model.family)]


def _print(rows: "Sequence[Row]", sources: bool) -> None:
    from mlpnas.commands._table import print_table

    notes = list(dict.fromkeys(row.model.notes for row in rows if row.model.notes))
    heads = ["name", "input", "resolution", "params", "theirs", "print", "MACs", "theirs", "print", "top-1", "why"]
    print_table(heads, [_cells(row, notes) for row in rows], right=set(heads) - {"name", "resolution", "why"})
    _print_lines(f"{number}: {note}" for number, note in enumerate(notes, 1))
    if sources:
        _print_lines(_source(row) for row in rows if row.form == "train")
    _print_lines([_LEGEND], indent="")


def _print_lines(lines: Iterable[str], indent: str = "   ") -> None:
    from textwrap import fill

    say("\n".join(["", *(fill(line, 100, subsequent_indent=indent) for line in lines)]))


def _cells(row: "Row", notes: Sequence[str]) -> list[str]:
    model, upstream = row.model, row.upstream
    mark = "" if row.equal else "!"
    number = str(notes.index(model.notes) + 1) if model.notes else ""
    return [
        model.name if row.form == "train" else "(deployed)",
        str(row.spec.input_size),
        row.resolution,
        f"{row.ours.params / 1e6:.2f}",
        f"{upstream.params / 1e6:.2f}{mark}" if upstream else "-",
        _or_dash(row.printed_params),
        f"{row.ours.macs / 1e9:.2f}",
        f"{upstream.macs / 1e9:.2f}{mark}" if upstream else "-",
        _or_dash(row.printed_gmacs),
        _or_dash(model.top1, "{:.1%}"),
        " ".join(filter(None, ("=" if row.as_printed else "", number))),
    ]


def _source(row: "Row") -> str:
    upstream = f"theirs: {row.upstream.upstream}" if row.upstream else ""
    return f"{row.model.name}: {'; '.join(filter(None, (row.model.source, upstream)))}"


def _or_dash(value: float | None, form: str = "{}") -> str:
    return "-" if value is None else form.format(value)
