"""Networks side by side: a column for each, a row for each question."""

from collections.abc import Sequence

from mlpnas.commands._models import Model
from mlpnas.commands._parts import Part, parts, size_step, total
from mlpnas.nets.plan import resolution
from mlpnas.report.wording import cell, grid, label, mixers
from mlpnas.spec import ArchSpec


def side_by_side(models: Sequence[Model]) -> tuple[list[str], list[list[str]]]:
    """Return heads and rows of the table; raises as `parts` does."""
    found = [parts(model.spec) for model in models]
    columns = [_facts(model, items) | _by_part(items) for model, items in zip(models, found, strict=True)]
    names = [name for name in max(columns, key=len) if any(column.get(name, "-") != "-" for column in columns)]
    return ["", *(model.name for model in models)], [[name, *(c.get(name, "-") for c in columns)] for name in names]


def _facts(model: Model, items: Sequence[Part]) -> dict[str, str]:
    spec, whole = model.spec, total(items)
    costs = {name: getattr(whole, name) for name in ("params", "macs", "activation_bytes", "peak_bytes")}
    return {label(name): cell(name, value) for name, value in costs.items()} | {
        "top-1 printed, ImageNet-1k": cell("top1", model.printed),
        "top-1 of the proxy": cell("top1", model.proxy) + (f" on {model.data} val" if model.data else ""),
        "input": "x".join(map(str, (spec.channels, *spec.image))),
        "resolution": _resolution(spec),
        "token mixers": ", ".join(mixers(spec)),
    }


def _resolution(spec: ArchSpec) -> str:
    """Say which other input sizes the weights fit."""
    kind = resolution(spec)
    return kind if kind == "fixed" else f"{kind} (multiples of {size_step(spec)})"


def _by_part(items: Sequence[Part]) -> dict[str, str]:
    """Describe each part, then its costs."""
    whole = total(items)
    layers = {part.name: part.layers + (f", {grid(part.grid)}x{part.width}" if part.grid else "") for part in items}
    details = {f"{part.name} has": part.details for part in items}
    words = {name: text for pair in zip(layers.items(), details.items(), strict=True) for name, text in pair}
    costs = {
        f"{part.name} {label(name)}": f"{cell(name, value)} ({100 * value / getattr(whole, name):.0f} %)"
        for name in ("macs", "params")
        for part in items
        for value in [getattr(part.cost, name)]
    }
    return {**words, **costs}
