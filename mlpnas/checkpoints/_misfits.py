"""Explanations of tensors whose shape differs from the network's, with the remedy."""

import re
from collections.abc import Mapping, Sequence
from math import isqrt

from torch import Tensor

from mlpnas.checkpoints._tensors import show
from mlpnas.nets.plan import has_fixed_grid
from mlpnas.spec import ArchSpec

_SHOWN = 3
_CLASSIFIER = re.compile(r"head\.(distilled_)?classifier\.(weight|bias)")
_MIXER = re.compile(r"stages\.(\d+)\.blocks\.\d+\.token_mixing\.body\.")

State = Mapping[str, Tensor]


def why(misfits: State, own: State, spec: ArchSpec) -> str:
    """Return reason and remedy: another number of classes, another grid, or only the shapes."""
    if all(_CLASSIFIER.fullmatch(name) and _differs_in_first(t, own[name]) for name, t in misfits.items()):
        classes = len(next(iter(misfits.values())))
        return (
            f"its classifier has {classes} classes, the network's {spec.classes}; "
            f"load it into dataclasses.replace(spec, classes={classes})"
        )
    shapes = [f"{name} {_by(tensor.shape)} instead of {_by(own[name].shape)}" for name, tensor in misfits.items()]
    return _other_grid(misfits, own, spec) or f"another shape in {some(shapes)}; give the model or spec they belong to"


def _other_grid(misfits: State, own: State, spec: ArchSpec) -> str:
    """Return the message for token weights of another grid than the spec's; "" if they are not."""
    if not all(_has_fixed_grid(name, spec) for name in misfits):
        return ""
    name, tensor = next(iter(misfits.items()))
    grid = spec.grids()[int(name.split(".")[1])]
    tokens = next((n for n, ours in zip(tensor.shape, own[name].shape, strict=False) if ours == grid.tokens != n), 0)
    side = isqrt(tokens)
    of_other_grid = [tokens if axis == grid.tokens else axis for axis in own[name].shape]
    if not tokens or side * side != tokens or list(tensor.shape) != of_other_grid:
        return ""
    return (
        f"token weights belong to one grid and are not resized: these to {side}x{side}, input {_by(spec.image)} needs "
        f"{grid.height}x{grid.width}; load them into spec.at({side * spec.image[0] // grid.height})"
    )


def _has_fixed_grid(name: str, spec: ArchSpec) -> bool:
    mixing = _MIXER.match(name)
    return mixing is not None and has_fixed_grid(spec.stages[int(mixing[1])].mixer.name)


def _differs_in_first(tensor: Tensor, own: Tensor) -> bool:
    return tensor.ndim == own.ndim and tensor.shape[1:] == own.shape[1:]


def some(items: Sequence[str]) -> str:
    """Return the number of items and the first few of them as text."""
    return f"{len(items)} ({', '.join(map(show, items[:_SHOWN]))}{', ...' if len(items) > _SHOWN else ''})"


def _by(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "scalar"
