"""Resizing of position tables to another grid or window, with timm's functions."""

from collections.abc import Sequence
from math import isqrt

from timm.layers import resample_abs_pos_embed, resize_rel_pos_bias_table
from torch import Tensor

from mlpnas.mixers.window_attention import WindowAttention
from mlpnas.nets.network import Network
from mlpnas.spec import Grid

_MOST = 2**26  # values of a table


def resize(table: Tensor, network: Network, name: str, shape: Sequence[int]) -> Tensor:
    """Return a position table resized for the network's tensor `name`; other tensors stay unchanged."""
    if name == "stem.positions":
        return _positions(table, network.spec.grids()[0], shape)
    if name.endswith(".position_bias"):
        mixer = network.get_submodule(name.removesuffix(".position_bias"))
        if isinstance(mixer, WindowAttention):
            return _window_bias(table, mixer.window, shape)
    return table


def _positions(table: Tensor, grid: Grid, shape: Sequence[int]) -> Tensor:
    """Resize learned positions: (1, extra + tokens of a square, C), or (H, W, C) as our own without extra tokens."""
    if table.ndim not in (2, 3) or table.shape[-1] != shape[-1] or not 0 < table.numel() <= _MOST:
        return table
    tokens = table.numel() // shape[-1]
    if tokens == grid.tokens:
        return table
    plane = list(table.shape[:2]) if table.ndim == 3 and len(table) > 1 else [isqrt(max(tokens - grid.extra, 0))] * 2
    if plane[0] * plane[1] + grid.extra != tokens:
        return table
    return resample_abs_pos_embed(
        table.reshape(1, tokens, -1), [grid.height, grid.width], plane, num_prefix_tokens=grid.extra
    )


def _window_bias(table: Tensor, window: tuple[int, int], shape: Sequence[int]) -> Tensor:
    """Resize Swin's bias per relative position in a square window: ((2 window - 1)^2, heads)."""
    fits = table.ndim == 2 and table.shape[1] == shape[1] and isqrt(len(table)) ** 2 == len(table) > 0
    fits = fits and table.numel() <= _MOST
    return resize_rel_pos_bias_table(table, window, tuple(shape)) if fits and len(table) != shape[0] else table
