"""mlpnas show: show one network part by part."""

from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mlpnas.commands._models import Model
    from mlpnas.commands._parts import Part
    from mlpnas.costs import Cost
    from mlpnas.receptive_field import Extent
    from mlpnas.report.receptive_field import Panel
    from mlpnas.spec import ArchSpec

Seen = Mapping[str, "Extent"]  # by the part's name; empty where it was not computed

_MACS = 100e9  # of the largest network whose fields are computed where no figure is wanted
_BAR, _INDENT = 6, 9  # characters


def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME|SPEC.json|RUN:TRIAL", help="A published name, a spec's file, or a trial.")
    ],
    size: Annotated[str | None, typer.Option(metavar="N|HxW", help="Input size in pixels; the spec's own.")] = None,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the receptive fields into a PNG file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print a network part by part: its layers with their options, parameters, MACs, and how far each stage sees.

    sees: the box of pixels that the stage's centre token depends on, and their share of the input; 95 % in: rows and
    columns that hold 95 % of the token's gradient, under random weights.
    """
    import json

    from mlpnas.commands._models import find_one
    from mlpnas.commands._parts import parts, to_json
    from mlpnas.commands._receptive_field import write_png
    from mlpnas.receptive_field import extent

    model = find_one(name, size)
    found, panels = parts(model.spec), _panels(model.spec, png)
    seen = {panel.title: extent(panel.network) for panel in panels}
    if png:
        write_png(f"{Path(name).name}: what the centre token depends on", panels, png)
    if as_json:
        known = to_json(model, found)
        known["parts"] = [part | _seen(seen.get(part["name"])) for part in known["parts"]]
        print(json.dumps(known))
    else:
        _print(model, found, seen)


def _panels(spec: "ArchSpec", png: Path | None) -> "list[Panel]":
    """Return the receptive fields of each stage; raises ExportError if a figure of too large a network is wanted."""
    from mlpnas.errors import ExportError
    from mlpnas.report.receptive_field import is_affordable, panels

    if is_affordable(spec, inf if png else _MACS):
        return panels(spec)
    if png:
        raise ExportError(f"--png {png}: the gradients of this network take too much memory; give a smaller --size")
    return []


def _seen(reach: "Extent | None") -> dict[str, Any]:
    return {"sees": reach._asdict()} if reach else {}


def _print(model: "Model", parts: "list[Part]", seen: Seen) -> None:
    from mlpnas.commands._console import Console
    from mlpnas.commands._parts import describe_fit, total
    from mlpnas.commands._table import plain
    from mlpnas.report.wording import cell

    spec, whole = model.spec, total(parts)
    printed = f"; {cell('top1', model.printed)} top-1 on ImageNet-1k as printed" if model.printed else ""
    proxy = f"; {cell('top1', model.proxy)} top-1 of its proxy on {model.data} val" if model.proxy else ""
    train, peak = (cell("peak_bytes", size) for size in (whole.activation_bytes, whole.peak_bytes))
    above = [
        f"{model.name} (key {spec.key}){printed}{proxy}",
        f"input {spec.channels}x{'x'.join(map(str, spec.image))}; {describe_fit(spec)}",
        f"for one image {train} of activations to train with, {peak} at the peak of inference",
    ]
    heads = ["part", "grid", "width", "layers", "params", "", "MACs", " ", "sees", "95 % in"]
    rows = [_row(part, whole, seen.get(part.name)) for part in parts]
    totals = ["total", "", "", "", cell("params", whole.params), "", cell("macs", whole.macs), "", "", ""]
    head, *lines, last = plain(heads, [*rows, totals], right={"width", "params", "MACs"}).splitlines()
    console = Console()
    console.print("\n".join([*above, ""]), soft_wrap=True)
    console.print(head, style="bold", soft_wrap=True)
    for line, part in zip(lines, parts, strict=True):
        console.print(line, soft_wrap=True)
        if part.details:
            console.print(" " * _INDENT + part.details, style="dim", soft_wrap=True)
    console.print(last, style="bold", soft_wrap=True)


def _row(part: "Part", whole: "Cost", seen: "Extent | None") -> list[str]:
    from mlpnas.report.receptive_field import percent, sides
    from mlpnas.report.wording import cell, grid

    place = [grid(part.grid) if part.grid else "", str(part.width or "")]
    params = [cell("params", part.cost.params), _bar(part.cost.params / whole.params)]
    macs = [cell("macs", part.cost.macs), _bar(part.cost.macs / whole.macs)]
    reach = [f"{sides(seen.box)} ({percent(seen.share)})", sides(seen.core)] if seen else ["", ""]
    return [part.name, *place, part.layers, *params, *macs, *reach]


def _bar(share: float) -> str:
    """Draw a share as a bar, to an eighth of a character."""
    whole, eighths = divmod(round(share * _BAR * 8), 8)
    return "\u2588" * whole + " \u258f\u258e\u258d\u258c\u258b\u258a\u2589"[eighths].strip()
