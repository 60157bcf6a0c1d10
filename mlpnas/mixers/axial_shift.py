"""Axial shift, AS-MLP's token mixer (arXiv:2107.08391, section 3.2; svip-lab/AS-MLP, models/as_mlp.py)."""

from itertools import count, islice
from math import ceil
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.errors import ShapeError
from mlpnas.spec import Grid

ROWS, COLUMNS = -3, -2  # the axes of (..., height, width, channels) along which content moves


class AxialShift(nn.Module):
    """Channel groups moved by different offsets along one axis and mixed by linears; both axes in parallel.

    As released, except for `dilation`, which multiplies the offsets (the paper's ablation; its code is not released).
    x: (B, H, W, C) -> (B, H, W, C).

    Raises:
        ShapeError: an even shift size, fewer channel groups than `shift_size`, or tokens beside the plane.
    """

    plane = True
    convolutional = True

    def __init__(self, dim: int, grid: Grid, *, shift_size: int = 5, dilation: int = 1) -> None:
        super().__init__()
        check_shift("axial_shift", dim, grid, shift_size, dilation)
        self.shift_size, self.dilation = shift_size, dilation
        self.enter = nn.Linear(dim, dim)
        self.enter_norm = nn.GroupNorm(1, dim)
        self.horizontal = nn.Linear(dim, dim)
        self.vertical = nn.Linear(dim, dim)
        self.leave_norm = nn.GroupNorm(1, dim)
        self.leave = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(_channels_last(self.enter_norm, self.enter(x)))
        horizontal = F.gelu(self.horizontal(axial_shift(x, COLUMNS, self.shift_size, self.dilation)))
        vertical = F.gelu(self.vertical(axial_shift(x, ROWS, self.shift_size, self.dilation)))
        return self.leave(_channels_last(self.leave_norm, horizontal + vertical))

    def extra_repr(self) -> str:
        return f"shift_size={self.shift_size}, dilation={self.dilation}"


def axial_shift(x: Tensor, axis: int, shift_size: int, dilation: int = 1) -> Tensor:
    """Move channel group g by (g - shift_size // 2) * dilation along `axis`, with zeros at the margin.

    Groups have ceil(C / shift_size) channels, the last one the rest, as in the released CUDA kernel.

    Args:
        x: (..., H, W, C).
        axis: ROWS or COLUMNS.
    """
    if torch.compiler.is_compiling():  # compilers fuse pad and cat, and mistreat slices that are written in place
        return _pad_and_join(x, axis, shift_size, dilation)
    return _Shift.apply(x, axis, shift_size, dilation)


class _Shift(torch.autograd.Function):
    """One copy per group, onto margins of zeros; the gradient is the opposite shift, so nothing is saved."""

    @staticmethod
    def forward(x: Tensor, axis: int, shift_size: int, dilation: int) -> Tensor:
        out = torch.empty_like(x, memory_format=torch.contiguous_format)
        if x.is_meta:
            return out  # costing is 3 times faster without the copies
        groups, length = _groups(x.shape[-1], shift_size, dilation), x.shape[axis]
        zero_margins(out, axis, max(abs(offset) for _, _, offset in groups))
        for start, stop, offset in groups:
            before, after = _margins(offset, length)
            kept = length - before - after
            source = x.narrow(-1, start, stop - start).narrow(axis, after, kept)
            out.narrow(-1, start, stop - start).narrow(axis, before, kept).copy_(source)
        return out

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, ctx.axis, ctx.shift_size, ctx.dilation = inputs

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        return _Shift.apply(grad, ctx.axis, ctx.shift_size, -ctx.dilation), None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int, None, None, None], x: Tensor, *args: int) -> tuple[Tensor, int]:
        return _Shift.apply(x.movedim(in_dims[0], 0), *args), 0


def zero_margins(x: Tensor, axis: int, margin: int) -> None:
    """Set `margin` positions at both ends of `axis` to zero, in place; cheaper than those of each channel group."""
    length = x.shape[axis]
    if 2 * margin >= length:
        x.zero_()
    elif margin:
        x.narrow(axis, 0, margin).zero_()
        x.narrow(axis, length - margin, margin).zero_()


def _pad_and_join(x: Tensor, axis: int, shift_size: int, dilation: int) -> Tensor:
    moved = []
    for start, stop, offset in _groups(x.shape[-1], shift_size, dilation):
        before, after = _margins(offset, x.shape[axis])
        kept = x[..., start:stop].narrow(axis, after, x.shape[axis] - before - after)
        moved.append(F.pad(kept, (0, 0) * (-axis - 1) + (before, after)))
    return torch.cat(moved, -1)


def _groups(channels: int, shift_size: int, dilation: int) -> list[tuple[int, int, int]]:
    """Return (first channel, end, offset) of every group."""
    size = ceil(channels / shift_size)
    starts = range(0, channels, size)
    return [(c, min(c + size, channels), (g - shift_size // 2) * dilation) for g, c in enumerate(starts)]


def _margins(offset: int, length: int) -> tuple[int, int]:
    """Return the number of zero positions before and after the moved content."""
    return min(max(offset, 0), length), min(max(-offset, 0), length)


def _channels_last(norm: nn.GroupNorm, x: Tensor) -> Tensor:
    return norm(x.movedim(-1, 1)).movedim(1, -1)


def check_shift(mixer: str, dim: int, grid: Grid, shift_size: int, dilation: int = 1) -> None:
    """Raise ShapeError if `dim` channels cannot move by `shift_size` different offsets in a plane.

    With fewer groups than offsets, the largest offsets to one side would be missing (as in the released code).
    """
    if grid.extra:
        raise ShapeError(f"{mixer} moves content in a plane and pool: cls adds a token; use pool: avg")
    if shift_size < 1 or shift_size % 2 == 0:
        raise ShapeError(f"{mixer}: shift_size must be odd, got {shift_size}; use {max(shift_size, 0) + 1}")
    if dilation < 1:
        raise ShapeError(f"{mixer}: dilation must be at least 1, got {dilation}")
    if not _fits(dim, shift_size):
        widths = list(islice((width for width in count(max(dim + 1, shift_size)) if _fits(width, shift_size)), 3))
        sizes = [size for size in range(1, min(shift_size, dim + 1), 2) if _fits(dim, size)][-10:]
        raise ShapeError(
            f"{mixer}: width {dim} makes {_group_count(dim, shift_size)} channel groups, not {shift_size}, "
            f"which would leave out offsets; widths that fit: {_list(widths)}; shift sizes that fit: {_list(sizes)}"
        )


def _fits(dim: int, shift_size: int) -> bool:
    return _group_count(dim, shift_size) == shift_size


def _group_count(dim: int, shift_size: int) -> int:
    return ceil(dim / ceil(dim / shift_size))


def _list(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
