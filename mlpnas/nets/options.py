"""From a Layer (a name with options) to the module it names."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

from torch import nn

from mlpnas.errors import SpecError, UnknownName
from mlpnas.plugins import find, options
from mlpnas.spec import Grid, Layer, Scalar


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
            raise SpecError(f"{layer.name} has no option {name!r}; {has}")
        if not _is_a(value, known[name].annotation):
            raise SpecError(f"{layer.name}: {name} must be {_said(known[name].annotation)}, got {value!r}")
    return factory(*shape, **dict(layer.options))


def _is_a(value: Scalar, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _said(kind: Any) -> str:
    return "one of " + ", ".join(get_args(kind)) if get_origin(kind) is Literal else str(kind.__name__)
