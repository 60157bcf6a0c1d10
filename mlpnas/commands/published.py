"""mlpnas published: the models that can be built, costed and searched from by name."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mlpnas.published import Published


def published(
    family: Annotated[str | None, typer.Option(metavar="F", help="Only this family, like as_mlp.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list.")] = False,
) -> None:
    """List the published models: params and MACs as measured beside the printed ones, top-1 on ImageNet-1K, source."""
    import json

    rows = [_row(model) for model in _models(family)]
    if as_json:
        print(json.dumps(rows))
    else:
        _print_table(rows)


def _models(family: str | None) -> "list[Published]":
    from mlpnas.errors import UnknownName
    from mlpnas.published import find, names

    models = [find(name) for name in names()]
    families = list(dict.fromkeys(model.family for model in models))
    if family and family not in families:
        raise UnknownName("family", family, families)
    return [model for model in models if family in (None, model.family)]


def _row(model: "Published") -> dict[str, Any]:
    from dataclasses import asdict

    from mlpnas.costs import cost

    measured = cost(model.spec)
    known = asdict(model) | {"spec": model.spec.to_json()}
    return known | {"params": measured.params, "macs": measured.macs, "input_size": model.spec.input_size}


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    from mlpnas.units import show

    table = Table("name", box=None)
    for heading in ("params", "printed", "MACs", "printed", "top-1"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("source", overflow="fold")
    for row in rows:
        printed = _or_dash(row["gflops"], "{:g} G" if row["gflops_convention"] == "MACs" else "{:g} G / 2")
        table.add_row(
            row["name"],
            show(row["params"], "params").removesuffix("params"),
            _or_dash(row["params_m"], "{:g} M"),
            show(row["macs"], "macs").removesuffix("MACs"),
            printed,
            _or_dash(row["top1"], "{:.1%}"),
            row["source"] or row["notes"],
        )
    Console().print(table)
    print("1 FLOP = 1 multiply-accumulate; / 2: printed with multiply and add counted apart")


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
