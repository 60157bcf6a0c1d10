"""mlpnas cost: print the cost of one architecture, measured without weights or data."""

from typing import TYPE_CHECKING, Annotated

import typer

from mlpnas.commands._terminal import say

if TYPE_CHECKING:
    from mlpnas.costs import Cost, Row


def cost(
    model: Annotated[str, typer.Argument(metavar="NAME|SPEC.json", help="A published name or a spec's JSON file.")],
    size: Annotated[str | None, typer.Option(metavar="N|HxW", help="Input size in pixels, or the spec's.")] = None,
    table: Annotated[bool, typer.Option("--table", help="One row per stem, downsample, stage and head.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print parameters, multiply-accumulates and memory of one model, for one image.

    1 FLOP = 1 multiply-accumulate, as in the papers. Activations are the bytes that a training step keeps
    in float32, peak those that inference needs.
    """
    import json
    from dataclasses import asdict

    from mlpnas.costs import cost as measure
    from mlpnas.costs import cost_table
    from mlpnas.published import find_spec
    from mlpnas.spec import read_size

    spec = find_spec(model)
    if size:
        spec = spec.at(read_size(size))
    total = measure(spec)
    if as_json:
        parts = [{"part": row.part, "output": row.output, **asdict(row.cost)} for row in cost_table(spec)]
        rows = {"table": parts} if table else {}
        print(json.dumps({**asdict(total), "input_size": spec.input_size, **rows}))
    elif table:
        _print_table(cost_table(spec), total)
    else:
        height, width = spec.image
        say("\n".join([*_lines(total), f"{'input size':12}{height}x{width}"]))


def _lines(total: "Cost") -> list[str]:
    from dataclasses import asdict

    from mlpnas.units import show

    names = {"params": "params", "macs": "MACs", "activation_bytes": "activations", "peak_bytes": "peak"}
    return [f"{names[quantity]:12}{show(value, quantity)}" for quantity, value in asdict(total).items()]


def _print_table(rows: "list[Row]", total: "Cost") -> None:
    from mlpnas.commands._table import print_table

    costs = ["params", "MACs", "activations", "peak"]
    lines = [[row.part, "x".join(map(str, row.output)), *_cells(row.cost)] for row in rows]
    print_table(["part", "output", *costs], [*lines, ["total", "", *_cells(total)]], right=costs)


def _cells(cost: "Cost") -> list[str]:
    from mlpnas.units import show

    sizes = (show(size, "bytes") for size in (cost.activation_bytes, cost.peak_bytes))
    return [f"{cost.params:,}", show(cost.macs, "macs"), *sizes]
