"""The pieces of a network, listed once: what is built is what is costed.

A piece is a residual branch, a downsample, the stem, the head, or what the head computes on a stage: as data, so that
equal pieces are one key.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal
from warnings import warn

import torch
from torch import nn

from mlpnas.errors import ShapeError, SpecError
from mlpnas.nets.activations import activation
from mlpnas.nets.branches import channel_mixing, token_mixing
from mlpnas.nets.downsamples import downsample
from mlpnas.nets.norms import norm
from mlpnas.nets.options import from_catalogue, instantiate
from mlpnas.plugins import find
from mlpnas.spec import ArchSpec, Grid, Layer, Stage, Stem


@dataclass(frozen=True)
class Piece:
    """A module as data; `shape` and `dtype` are its input's, without the batch."""

    make: Callable[..., nn.Module]
    arguments: tuple[Any, ...]
    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32

    def build(self) -> nn.Module:
        """Raises ShapeError, SpecError or UnknownName if it cannot be built."""
        return self.make(*self.arguments)


Block = dict[str, Piece]  # its branches by name, in order


@dataclass(frozen=True)
class StagePlan:
    """The pieces of a stage; `level` is what the head computes on its output, if anything."""

    downsample: Piece | None
    blocks: tuple[Block, ...]
    level: Piece | None


@dataclass(frozen=True)
class Plan:
    """The pieces of a network; `head` is what comes after the last stage."""

    stem: Piece
    stages: tuple[StagePlan, ...]
    head: Piece


def plan(spec: ArchSpec) -> Plan:
    """List the pieces of `spec`; raises ShapeError if the grids do not fit, UnknownName for an unknown plug-in."""
    grids, stages = spec.grids(), spec.stages
    return Plan(
        stem_piece(spec, grids[0]),
        tuple(
            StagePlan(
                downsample_piece(stages[number - 1].width, stage, grids[number - 1]) if number else None,
                blocks(stage, grids[number]),
                level_piece(spec, number, stage, grids[number]),
            )
            for number, stage in enumerate(stages)
        ),
        head_piece(spec, grids[-1]),
    )


def stem_piece(spec: ArchSpec, grid: Grid) -> Piece:
    """Return the stem, whose output is on `grid`."""
    arguments = (spec.stem, spec.channels, spec.stages[0].width, grid, spec.position_embedding)
    dtype = getattr(find("stems", spec.stem.kind.name), "dtype", torch.float32)
    return Piece(_stem, arguments, (spec.channels, *spec.image), dtype)


def _stem(stem: Stem, channels: int, width: int, grid: Grid, positions: bool) -> nn.Module:
    around = norm(stem.norm, width), activation(stem.activation)
    return from_catalogue("stems", stem.kind, channels, width, grid, stem, *around, positions)


def downsample_piece(width: int, target: Stage, grid: Grid) -> Piece:
    """Return what leads from `width` channels on `grid` to the stage `target`."""
    return Piece(downsample, (target.downsample, width, target.width, target.norm), (*grid.shape, width))


def level_piece(spec: ArchSpec, number: int, stage: Stage, grid: Grid) -> Piece | None:
    """Return what the head of `spec` computes on a stage (number from 0), or None if it reads the last one alone."""
    if not has_levels(spec.head):
        return None
    return Piece(_level, (spec.head, number, stage.width, grid, spec.classes, stage.norm), (*grid.shape, stage.width))


def has_levels(head: Layer) -> bool:
    """Return whether a head reads the output of every stage."""
    return hasattr(find("heads", head.name), "level")


def _level(head: Layer, number: int, width: int, grid: Grid, classes: int, norm_layer: Layer) -> nn.Module:
    level = find("heads", head.name).level
    return instantiate(level, head, number, width, grid, classes, norm(norm_layer, width))


def head_piece(spec: ArchSpec, grid: Grid) -> Piece:
    """Return what comes after the last stage, which is on `grid`."""
    width = spec.stages[-1].width
    return Piece(_head, (spec.head, width, grid, spec.classes, spec.norm, spec.pooled_norm), (*grid.shape, width))


def _head(head: Layer, width: int, grid: Grid, classes: int, norm_layer: Layer, pooled_norm: Layer) -> nn.Module:
    return from_catalogue("heads", head, width, grid, classes, norm(norm_layer, width), norm(pooled_norm, width))


@cache
def blocks(stage: Stage, grid: Grid) -> tuple[Block, ...]:
    """Return the blocks of a stage; in every second one the mixer's alternating option is on."""
    even, odd = first_and_second(stage, grid)
    return tuple(odd if number % 2 else even for number in range(stage.depth))


def first_and_second(stage: Stage, grid: Grid) -> tuple[Block, Block]:
    """Return the two blocks that a stage repeats in turn."""
    return _block(stage, stage.mixer, grid), _block(stage, _alternate(stage.mixer), grid)


def _block(stage: Stage, mixer: Layer, grid: Grid) -> Block:
    shape = (*grid.shape, stage.width)
    mixing = (mixer, stage.norm, stage.width, grid, stage.layer_scale)
    block = {"token_mixing": Piece(token_mixing, mixing, shape)}
    if stage.mlp_ratio:
        channels = (stage.channel_mlp, stage.mlp_ratio, stage.norm, stage.width, stage.layer_scale)
        block["channel_mixing"] = Piece(channel_mixing, channels, shape)
    return block


def _alternate(mixer: Layer) -> Layer:
    option = getattr(find("mixers", mixer.name), "alternating", None)
    if option is None or option in dict(mixer.options):
        return mixer
    return Layer.of(mixer.name, **dict(mixer.options), **{option: True})


Resolution = Literal["free", "interpolated", "fixed"]


def resolution(spec: ArchSpec) -> Resolution:
    """Return whether weights carry over to `spec.at(size)`.

    free: they do as they are. interpolated: once the position table is resampled to the new grid. fixed: a mixer's
    weights belong to one grid, so `spec.at(size)` is another network.
    """
    if any(has_fixed_grid(stage.mixer.name) for stage in spec.stages):
        return "fixed"
    return "interpolated" if spec.position_embedding else "free"


def has_fixed_grid(mixer: str) -> bool:
    """Return whether the weights of a token mixer belong to one grid."""
    plugin = find("mixers", mixer)
    if hasattr(plugin, "locked"):
        warn(f"mixer {mixer}: write fixed_grid instead of locked", DeprecationWarning, stacklevel=2)
        return bool(plugin.locked)
    return getattr(plugin, "fixed_grid", False)


@contextmanager
def within(place: str) -> Iterator[None]:
    """Name the place in the SpecError or ShapeError that passes."""
    try:
        yield
    except SpecError as error:
        raise (ShapeError if isinstance(error, ShapeError) else SpecError)(f"{place}: {error}") from None
