"""Modules of Layers, which are names with options."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from mlpnas.errors import SpecError, UnknownName
from mlpnas.kinds import Number, of_option, refusal
from mlpnas.plain_text import quoted
from mlpnas.plugins import find, options
from mlpnas.spec import Layer


def create(kind: str, table: Mapping[str, Callable[..., nn.Module]], layer: Layer, *shape: Any) -> nn.Module:
    """Return the module called `layer.name` in a table, made from its positional `shape` and the layer's options.

    Raises:
        UnknownName: it is not in the table.
        SpecError: an option that it does not have, or of another type.
        ShapeError: the shape does not fit.
    """
    if layer.name not in table:
        raise UnknownName(kind, layer.name, list(table))
    return instantiate(table[layer.name], layer, *shape)


def from_catalogue(catalogue: str, layer: Layer, *shape: Any) -> nn.Module:
    """Return the module called `layer.name` in a folder of plug-ins: mixers, stems, heads; raises as `create` does."""
    return instantiate(find(catalogue, layer.name), layer, *shape)


def instantiate(factory: Callable[..., nn.Module], layer: Layer, *shape: Any) -> nn.Module:
    """Return what `factory` makes from `shape` and the options of `layer`, which are checked; raises as `create`."""
    known = options(factory, skip=len(shape))
    for name, value in layer.options:
        if name not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise SpecError(f"{layer.name} has no option {quoted(name)}; {has}")
        kind = of_option(known[name])
        if not kind.fits(value) or (isinstance(kind, Number) and kind.whole and not isinstance(value, int)):
            raise SpecError(f"{layer.name}: {name}: {refusal(kind, value)}")
    return factory(*shape, **dict(layer.options))
