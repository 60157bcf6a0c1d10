"""From a Layer (a name with options) to the module it names."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from mlpnas.errors import SpecError, UnknownName
from mlpnas.kinds import Number, of_option, refusal
from mlpnas.plain_text import quoted
from mlpnas.plugins import find, options
from mlpnas.spec import Grid, Layer


def create(kind: str, catalogue: Mapping[str, Callable[..., nn.Module]], layer: Layer, *shape: Any) -> nn.Module:
    """The module called `layer.name` in a catalogue, made from its positional `shape` and the layer's options.

    Raises:
        UnknownName: not in the catalogue.
        SpecError: an option that it does not have, or of another type.
        ShapeError: the shape does not fit.
    """
    if layer.name not in catalogue:
        raise UnknownName(kind, layer.name, list(catalogue))
    return _call(catalogue[layer.name], layer, shape)


def mixer(layer: Layer, dim: int, grid: Grid) -> nn.Module:
    """The token mixer called `layer.name`; raises as `create` does."""
    return _call(find("mixers", layer.name), layer, (dim, grid))


def _call(factory: Callable[..., nn.Module], layer: Layer, shape: tuple[Any, ...]) -> nn.Module:
    known = options(factory, skip=len(shape))
    for name, value in layer.options:
        if name not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise SpecError(f"{layer.name} has no option {quoted(name)}; {has}")
        kind = of_option(known[name])
        if not kind.fits(value) or (isinstance(kind, Number) and kind.whole and not isinstance(value, int)):
            raise SpecError(f"{layer.name}: {name}: {refusal(kind, value)}")
    return factory(*shape, **dict(layer.options))
