"""The parts of a network in words with their costs, for the commands that show networks."""

from collections.abc import Sequence
from dataclasses import asdict
from math import lcm
from typing import Any, NamedTuple

from mlpnas.commands._models import Model
from mlpnas.costs import Cost, cost_table
from mlpnas.named import word
from mlpnas.nets.plan import has_fixed_grid, resolution
from mlpnas.plugins import find
from mlpnas.report.wording import options
from mlpnas.spec import NO_NORM, ArchSpec, Grid, Layer, Stage

_POOLED = {"avg": "mean of tokens", "cls": "class token", "distilled": "class and distillation token"}


class Part(NamedTuple):
    """The stem, a stage with its downsample, or the head.

    Attributes:
        grid, width: those of the output; None for the head.
        layers: its kind and number. details: options and layers around them.
    """

    name: str
    grid: Grid | None
    width: int | None
    layers: str
    details: str
    cost: Cost


def parts(spec: ArchSpec) -> list[Part]:
    """Return stem, stages and head.

    Raises:
        ShapeError, SpecError, UnknownName: the network cannot be built.
    """
    costs = {row.part: row.cost for row in cost_table(spec)}
    found = [Part("stem", spec.grids()[0], spec.stages[0].width, *_stem(spec), costs["stem"])]
    for number, (stage, grid) in enumerate(zip(spec.stages, spec.grids(), strict=True), 1):
        whole = costs.get(f"downsample {number}", Cost()) + costs[f"stage {number}"]
        found.append(Part(f"stage {number}", grid, stage.width, *_stage(stage, number), whole))
    return [*found, Part("head", None, None, *_head(spec), costs["head"])]


def _stem(spec: ArchSpec) -> tuple[str, str]:
    stem = spec.stem
    details = [
        f"kernel {stem.kernel}" if stem.kernel not in (None, stem.patch) else "",
        _describe(stem.norm, "norm") if stem.norm != NO_NORM else "",
        stem.activation if stem.activation != "none" else "",
        "position table" if spec.position_embedding else "",
    ]
    return f"patches of {stem.patch}x{stem.patch}", ", ".join(filter(None, details))


def _stage(stage: Stage, number: int) -> tuple[str, str]:
    kind = "MLP" if stage.channel_mlp.name == "mlp" else str(stage.channel_mlp)
    details = [
        *(f"{name} {word(value)}" for name, value in options(stage.mixer).items()),
        _describe(stage.norm, "norm"),
        f"{kind} x{stage.mlp_ratio:g}" if stage.mlp_ratio else "no channel MLP",
        f"layer scale {stage.layer_scale:g}" if stage.layer_scale is not None else "",
        _describe(stage.downsample, "before") if number > 1 and stage.downsample.name != "none" else "",
    ]
    return f"{stage.depth} x {stage.mixer.name}", ", ".join(filter(None, details))


def _head(spec: ArchSpec) -> tuple[str, str]:
    norms = [_describe(norm, "norm") for norm in (spec.norm, spec.pooled_norm) if norm != NO_NORM]
    return f"{_POOLED[spec.pool]} to {spec.classes} classes", ", ".join(norms)


def _describe(layer: Layer, role: str) -> str:
    """Return a layer in words: layer norm (eps 1e-05)."""
    inner = ", ".join(f"{name} {word(value)}" for name, value in layer.options)
    return f"{layer.name} {role}" + (f" ({inner})" if inner else "")


def total(parts: Sequence[Part]) -> Cost:
    """Return the cost of the network."""
    return sum((part.cost for part in parts), Cost())


def to_json(model: Model, parts: Sequence[Part]) -> dict[str, Any]:
    """Return a network, its costs and parts as JSON."""
    spec = model.spec
    named = {"name": model.name, "key": spec.key, "input_size": spec.input_size, "resolution": resolution(spec)}
    accuracy = {"top1_printed": model.printed, "top1_proxy": model.proxy, "data": model.data}
    rows = [dict(zip(Part._fields[:-1], part[:-1], strict=True)) | asdict(part.cost) for part in parts]
    return {**named, **asdict(total(parts)), **accuracy, "parts": rows, "spec": spec.to_json()}


def describe_fit(spec: ArchSpec) -> str:
    """Return in words which inputs the weights fit."""
    sizes = f"inputs whose sides are multiples of {size_step(spec)}"
    match resolution(spec):
        case "free":
            return f"weights fit all {sizes}"
        case "interpolated":
            return f"weights fit all {sizes}, once the position table is resampled"
    fixed = [f"stage {n} ({s.mixer.name})" for n, s in enumerate(spec.stages, 1) if has_fixed_grid(s.mixer.name)]
    return f"weights fit {'x'.join(map(str, spec.image))} alone: {', '.join(fixed)}"


def size_step(spec: ArchSpec) -> int:
    """Return the number that must divide the sides of an input, from patches, downsamples and mixers."""
    pixels, steps = spec.stem.patch, [spec.stem.patch]
    for number, stage in enumerate(spec.stages):
        pixels *= 2 if number and stage.downsample.name != "none" else 1
        known: dict[str, Any] = options(stage.mixer)
        dividing = getattr(find("mixers", stage.mixer.name), "divides_grid", ())
        steps += [pixels, *(pixels * known[name] for name in dividing)]
    return lcm(*steps)
