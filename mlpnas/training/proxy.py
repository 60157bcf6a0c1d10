"""The proxy of an architecture: smaller in pixels and channels, with the same depth, mixers and proportions."""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil, gcd, lcm, log
from typing import Any

from mlpnas.costs import cost
from mlpnas.errors import ShapeError
from mlpnas.plugins import find, options
from mlpnas.spec import ArchSpec, Grid, Layer, Stage

NARROWEST = 8  # below, token MLPs with small ratios and wide shifts have no channels left to work with
_LARGEST_GAP = 256


def proxy(spec: ArchSpec, *, input_size: int | None, width_scale: float) -> ArchSpec:
    """Return the network that is trained in place of `spec`.

    The longer side of the input is the smallest from `input_size` (None: the declared one) up that the grids allow,
    the other one the nearest to its proportion. All widths shrink by one factor, the one nearest to `width_scale` that
    keeps them integers in proportion, keeps the number of heads, and can be built.

    Raises:
        ShapeError: no size fits.
    """
    resized = _resize(spec, input_size)
    if width_scale == 1:
        return resized
    for scaled in _scale(resized, width_scale):
        try:
            cost(scaled)
        except ShapeError:
            continue
        return scaled
    return resized


def _resize(spec: ArchSpec, input_size: int | None) -> ArchSpec:
    if input_size is None:
        return spec
    for size in _sizes(spec, input_size):
        try:
            grids = spec.at(size).grids()
            stages = tuple(_fit(stage, grid) for stage, grid in zip(spec.stages, grids, strict=True))
            resized = replace(spec, input_size=size, stages=stages)
            cost(resized)  # some mixers fit few grids
        except ShapeError:
            continue
        return resized
    cost(spec.at(next(_sizes(spec, input_size))))
    raise ShapeError(f"no input of {input_size} to {input_size + _LARGEST_GAP} pixels fits this architecture")


def _sizes(spec: ArchSpec, longer: int) -> Iterator[int | tuple[int, int]]:
    """Yield inputs in the proportion of the declared one, whose longer side is `longer` or a little more."""
    step, (height, width) = spec.stride, spec.image
    for side in range(ceil(longer / step) * step, longer + max(_LARGEST_GAP, step), step):
        sides = [max(round(side * own / max(height, width) / step), 1) * step for own in (height, width)]
        yield side if height == width else (sides[0], sides[1])


def _fit(stage: Stage, grid: Grid) -> Stage:
    """Return the stage with options that must divide the grid (windows) lowered to the next value that does."""
    fitted = {
        name: next(size for size in range(value, 0, -1) if all(n <= size or n % size == 0 for n in grid[:2]))
        for name, value in _values(stage.mixer, "divides_grid").items()
    }
    return replace(stage, mixer=_with(stage.mixer, fitted))


def _scale(spec: ArchSpec, scale: float) -> Iterator[ArchSpec]:
    """Yield `spec` with its widths times unit / common, the factor nearest to `scale` first."""
    common = gcd(*(stage.width for stage in spec.stages))
    followers = [value for stage in spec.stages for value in _values(stage.mixer, "scales_with_width").values()]
    step = lcm(*(common // gcd(common, value) for value in followers))
    narrowest = min(stage.width for stage in spec.stages)
    least = common * min(NARROWEST, narrowest) / narrowest
    units = [unit for unit in range(step, max(round(common * scale), common) + step, step) if unit >= least]
    for unit in sorted(units, key=lambda unit: abs(log(unit / (common * scale)))):
        yield replace(spec, stages=tuple(_narrow(stage, unit, common) for stage in spec.stages))


def _narrow(stage: Stage, unit: int, common: int) -> Stage:
    scaled = {name: value * unit // common for name, value in _values(stage.mixer, "scales_with_width").items()}
    return replace(stage, width=stage.width * unit // common, mixer=_with(stage.mixer, scaled))


def _values(mixer: Layer, attribute: str) -> dict[str, Any]:
    """Return the options that the mixer lists under `attribute`, as given or by default."""
    plugin = find("mixers", mixer.name)
    defaults, given = options(plugin, skip=2), dict(mixer.options)
    return {name: given.get(name, defaults[name].default) for name in getattr(plugin, attribute, ())}


def _with(mixer: Layer, changed: dict[str, Any]) -> Layer:
    return Layer.of(mixer.name, **(dict(mixer.options) | changed)) if changed else mixer
