"""The pieces of a network, listed once: what is built is what is costed.

A piece is a residual branch, a downsample, the stem or the head: as data, so that equal pieces are one key.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from torch import nn

from mlpnas.errors import ShapeError, SpecError
from mlpnas.nets.branches import channel_mixing, token_mixing
from mlpnas.nets.downsamples import downsample
from mlpnas.nets.ends import Head, Stem
from mlpnas.plugins import find
from mlpnas.spec import ArchSpec, Grid, Layer, Stage


@dataclass(frozen=True)
class Piece:
    """A module as data; `shape` is its input's without the batch."""

    make: Callable[..., nn.Module]
    arguments: tuple[Any, ...]
    shape: tuple[int, ...]

    def build(self) -> nn.Module:
        """Raises ShapeError, SpecError or UnknownName where it cannot be built."""
        return self.make(*self.arguments)


Block = dict[str, Piece]  # its branches by name, in order


@dataclass(frozen=True)
class StagePlan:
    downsample: Piece | None
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Plan:
    stem: Piece
    stages: tuple[StagePlan, ...]
    head: Piece


def plan(spec: ArchSpec) -> Plan:
    """Raises ShapeError where the grids do not fit, UnknownName for a mixer that does not exist."""
    grids, stages = spec.grids(), spec.stages
    return Plan(
        stem_piece(spec, grids[0]),
        tuple(
            StagePlan(
                downsample_piece(stages[i - 1].width, stage, grids[i - 1]) if i else None, blocks(stage, grids[i])
            )
            for i, stage in enumerate(stages)
        ),
        head_piece(spec, grids[-1]),
    )


def stem_piece(spec: ArchSpec, grid: Grid) -> Piece:
    arguments = (spec.channels, spec.stages[0].width, spec.stem, grid, spec.position_embedding)
    return Piece(Stem, arguments, (spec.channels, *spec.image))


def downsample_piece(width: int, target: Stage, grid: Grid) -> Piece:
    """Between `width` channels on `grid` and the stage `target`."""
    return Piece(downsample, (target.downsample, width, target.width, target.norm), (*grid.shape, width))


def head_piece(spec: ArchSpec, grid: Grid) -> Piece:
    width = spec.stages[-1].width
    return Piece(Head, (width, spec.classes, spec.norm, spec.pooled_norm, grid.extra), (*grid.shape, width))


@cache
def blocks(stage: Stage, grid: Grid) -> tuple[Block, ...]:
    """The blocks of a stage; in every second one the mixer's alternating option is on."""
    even, odd = first_and_second(stage, grid)
    return tuple(odd if number % 2 else even for number in range(stage.depth))


def first_and_second(stage: Stage, grid: Grid) -> tuple[Block, Block]:
    """The two blocks that a stage repeats in turn."""
    return _block(stage, stage.mixer, grid), _block(stage, _alternated(stage.mixer), grid)


def _block(stage: Stage, mixer: Layer, grid: Grid) -> Block:
    shape = (*grid.shape, stage.width)
    mixing = (mixer, stage.norm, stage.width, grid, stage.layer_scale)
    block = {"token_mixing": Piece(token_mixing, mixing, shape)}
    if stage.mlp_ratio:
        channels = (stage.channel_mlp, stage.mlp_ratio, stage.norm, stage.width, stage.layer_scale)
        block["channel_mixing"] = Piece(channel_mixing, channels, shape)
    return block


def _alternated(mixer: Layer) -> Layer:
    option = getattr(find("mixers", mixer.name), "alternating", None)
    if option is None or option in dict(mixer.options):
        return mixer
    return Layer.of(mixer.name, **dict(mixer.options), **{option: True})


Resolution = Literal["free", "interpolated", "fixed"]


def resolution(spec: ArchSpec) -> Resolution:
    """Whether weights carry over to `spec.at(size)`.

    free: they do as they are. interpolated: once the position table is resampled to the new grid. fixed: a mixer's
    weights belong to one grid, so `spec.at(size)` is another network.
    """
    if any(locked(stage.mixer.name) for stage in spec.stages):
        return "fixed"
    return "interpolated" if spec.position_embedding else "free"


def locked(mixer: str) -> bool:
    """Whether the weights of a token mixer belong to one grid."""
    return getattr(find("mixers", mixer), "locked", False)


@contextmanager
def within(place: str) -> Iterator[None]:
    """Names the place in the SpecError or ShapeError that passes."""
    try:
        yield
    except SpecError as error:
        raise (ShapeError if isinstance(error, ShapeError) else SpecError)(f"{place}: {error}") from None
