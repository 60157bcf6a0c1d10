"""Shifted-window attention of Swin (arXiv:2103.14030, section 3.2)."""

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from mlpnas.errors import ShapeError
from mlpnas.mixers._windows import Sides, cut, pad_to_windows
from mlpnas.mixers.attention import attend, count_heads, join_heads, split_heads
from mlpnas.spec import Grid

_MOST_TOKENS = 4096  # of a window
_MOST_MASKED = 2**27  # numbers in a mask: half a GiB


class WindowAttention(nn.Module):
    """Attention inside windows, with a learned bias per relative position.

    `shifted` moves the windows by half their size, cyclically; tokens that only meet by wrapping around do not attend
    to each other. On a side of `grid` that one window covers, the window is that side and there is no shift. Planes of
    other sides than the grid's get zeros below and to the right, up to the next multiple of the window.
    x: (B, H, W, C) -> (B, H, W, C).

    Raises:
        ShapeError: `head_dim` does not divide `dim`, `window` does not divide the grid or is too large for a mask, or
            there are tokens beside the plane.
    """

    position_index: Tensor
    mask: Tensor | None

    plane = True
    alternating = "shifted"
    scales_with_width = ("head_dim",)
    divides_grid = ("window",)
    no_weight_decay = ("position_bias",)

    def __init__(self, dim: int, grid: Grid, *, window: int = 7, head_dim: int = 32, shifted: bool = False) -> None:
        super().__init__()
        self.window, self.shift = cut("window_attention", grid, window, shifted)
        _check_constants(grid, self.window, self.shift)
        self.heads = count_heads("window_attention", dim, head_dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.project = nn.Linear(dim, dim)
        height, width = self.window
        self.position_bias = nn.Parameter(torch.zeros((2 * height - 1) * (2 * width - 1), self.heads))
        self.grid = grid
        self._register_constants()

    def _register_constants(self) -> None:
        device = self.position_bias.device
        with torch.device("cpu"):  # arithmetic on meta tensors imports the compiler, for seconds
            mask = _wrapping_mask(self.grid[:2], self.window, self.shift) if any(self.shift) else None
            index = _relative_positions(*self.window)
        self.register_buffer("mask", None if mask is None else mask.to(device), persistent=False)
        self.register_buffer("position_index", index.to(device), persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Compute the constants anew: `to_empty` leaves what no state dict holds unwritten."""
        super()._apply(fn, recurse)
        self._register_constants()
        return self

    def init_weights(self) -> None:
        nn.init.trunc_normal_(self.position_bias, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[1:3]
        x = pad_to_windows(x, self.window)
        plane = (x.shape[1], x.shape[2])
        windows = _windows(self._roll(x, -1), self.window)
        query, key, value = split_heads(self.qkv(windows), self.heads)
        mixed = attend(query, key, value, self._bias(plane))
        mixed = self._roll(_plane(self.project(join_heads(mixed)), self.window, plane), 1)
        return mixed[:, :height, :width].contiguous()

    def _roll(self, x: Tensor, sign: int) -> Tensor:
        return x.roll([sign * step for step in self.shift], (1, 2)) if any(self.shift) else x

    def _bias(self, plane: Sides) -> Tensor:
        """Return (1 or windows, heads, tokens, tokens)."""
        tokens = self.window[0] * self.window[1]
        bias = self.position_bias[self.position_index].view(1, tokens, tokens, -1).permute(0, 3, 1, 2)
        if self.mask is None:
            return bias
        mask = self.mask if plane == self.grid[:2] else _wrapping_mask(plane, self.window, self.shift).to(bias.device)
        return bias + mask.to(bias.dtype).unsqueeze(1)


def _check_constants(grid: Grid, window: Sides, shift: Sides) -> None:
    """Raise ShapeError if the tables of all pairs of tokens of a window would fill a computer's memory."""
    tokens = window[0] * window[1]
    if tokens > _MOST_TOKENS:
        raise ShapeError(
            f"window_attention: windows of {window[0]}x{window[1]} have {tokens} tokens, and each pair of them a bias; "
            f"the most is {_MOST_TOKENS}, like 64x64"
        )
    if any(shift) and grid.tokens * tokens > _MOST_MASKED:
        raise ShapeError(
            f"window_attention: the mask of shifted windows holds {grid.tokens} x {tokens} numbers, and the most is "
            f"{_MOST_MASKED}; take a smaller grid or window, or shifted: false"
        )


def _windows(x: Tensor, window: Sides) -> Tensor:
    """Cut (B, H, W, C) into (B * windows, tokens, C)."""
    (height, width), channels = window, x.shape[-1]
    tiles = x.unflatten(2, (-1, width)).unflatten(1, (-1, height))
    return tiles.transpose(2, 3).reshape(-1, height * width, channels)


def _plane(windows: Tensor, window: Sides, plane: Sides) -> Tensor:
    """Put (B * windows, tokens, C) together to (B, H, W, C)."""
    rows, columns = (side // part for side, part in zip(plane, window, strict=True))
    tiles = windows.view(-1, rows, columns, *window, windows.shape[-1])
    return tiles.transpose(2, 3).reshape(-1, *plane, windows.shape[-1])


def _relative_positions(height: int, width: int) -> Tensor:
    """Return the row of the bias table for every pair of tokens, (tokens * tokens)."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    rows, columns = rows.flatten(), columns.flatten()
    down = rows[:, None] - rows + height - 1
    right = columns[:, None] - columns + width - 1
    return (down * (2 * width - 1) + right).flatten()


def _wrapping_mask(plane: Sides, window: Sides, shift: Sides) -> Tensor:
    """Return 0 where two tokens of a shifted window are neighbours, -100 where only the roll brought them together.

    (windows, tokens, tokens).
    """
    regions = torch.zeros(plane)
    for axis, (size, step) in enumerate(zip(window, shift, strict=True)):
        if step:
            side = regions.shape[axis]
            regions.narrow(axis, side - size, size - step).add_(3**axis)
            regions.narrow(axis, side - step, step).add_(2 * 3**axis)
    labels = _windows(regions[None, ..., None], window).squeeze(-1)
    return (labels[:, None] != labels[..., None]) * -100.0
