"""Cycle fully-connected layers, CycleMLP's token mixer (arXiv:2107.10224, section 3.2; ShoufaChen/CycleMLP)."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.errors import ShapeError
from mlpnas.mixers._reweight import Reweight
from mlpnas.mixers.axial_shift import COLUMNS, ROWS, zero_margins
from mlpnas.spec import Grid


class CycleFc(nn.Module):
    """Channels read from neighbours at cycling offsets and mixed by linears; both axes, then weighted.

    x: (B, H, W, C) -> (B, H, W, C).

    Raises:
        ShapeError: an even cycle, fewer channels than a cycle, or tokens beside the plane.
    """

    plane = True

    def __init__(self, dim: int, grid: Grid, *, cycle: int = 3) -> None:
        super().__init__()
        _check(dim, grid, cycle)
        self.cycle = cycle
        self.horizontal = nn.Linear(dim, dim)
        self.vertical = nn.Linear(dim, dim)
        self.pointwise = nn.Linear(dim, dim, bias=False)
        self.reweight = Reweight("cycle_fc", dim)
        self.project = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        horizontal = self.horizontal(cycle_shift(x, COLUMNS, self.cycle))
        vertical = self.vertical(cycle_shift(x, ROWS, self.cycle))
        return self.project(self.reweight(horizontal, vertical, self.pointwise(x)))

    def extra_repr(self) -> str:
        return f"cycle={self.cycle}"


def cycle_shift(x: Tensor, axis: int, cycle: int) -> Tensor:
    """Return x with channel c read ((c + cycle // 2) % cycle) - cycle // 2 positions on along `axis`, zeros outside.

    With a cycle of 3 the offsets are 0, 1, -1, 0, 1, -1, ...

    Args:
        x: (..., H, W, C).
        axis: ROWS or COLUMNS.
    """
    if torch.compiler.is_compiling():  # compilers fuse pad and where, and mistreat slices that are written in place
        return _pad_and_join(x, axis, cycle)
    return _Shift.apply(x, axis, cycle, 1)


class _Shift(torch.autograd.Function):
    """A shift by slice copies, 2 to 4 times faster than `_pad_and_join`; the gradient is the opposite shift."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, axis: int, cycle: int, sign: int) -> Tensor:
        out = torch.empty_like(x, memory_format=torch.contiguous_format)
        if x.is_meta:
            return out  # costing is faster without the copies
        zero_margins(out, axis, cycle // 2)
        for first, offset in enumerate(_offsets(cycle)):
            before, after, kept = _margins(sign * offset, x.shape[axis])
            source = x[..., first::cycle].narrow(axis, after, kept)
            out[..., first::cycle].narrow(axis, before, kept).copy_(source)
        return out

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, ctx.axis, ctx.cycle, ctx.sign = inputs

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        return _Shift.apply(grad, ctx.axis, ctx.cycle, -ctx.sign), None, None, None


def _pad_and_join(x: Tensor, axis: int, cycle: int) -> Tensor:
    place = torch.arange(x.shape[-1], device=x.device) % cycle
    out = x
    for first, offset in enumerate(_offsets(cycle)):
        before, after, kept = _margins(offset, x.shape[axis])
        moved = F.pad(x.narrow(axis, after, kept), (0, 0) * (-axis - 1) + (before, after))
        out = torch.where(place == first, moved, out)
    return out


def _offsets(cycle: int) -> list[int]:
    """Return the positions that the channels of one cycle read from, relative to their own."""
    return [(place + cycle // 2) % cycle - cycle // 2 for place in range(cycle)]


def _margins(offset: int, length: int) -> tuple[int, int, int]:
    """Return the number of zero positions before and after, which read outside, and of the others."""
    before, after = min(max(-offset, 0), length), min(max(offset, 0), length)
    return before, after, length - before - after


def _check(dim: int, grid: Grid, cycle: int) -> None:
    if grid.extra:
        raise ShapeError("cycle_fc reads from neighbours in a plane and pool: cls adds a token; use pool: avg")
    if cycle < 1 or cycle % 2 == 0:
        raise ShapeError(f"cycle_fc: cycle must be odd, got {cycle}; use {max(cycle, 0) + 1}")
    if dim < cycle:
        raise ShapeError(f"cycle_fc: width {dim} has no channel for every offset of cycle {cycle}; use {cycle} or more")
