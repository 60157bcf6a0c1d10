"""Windows of a plane, for mixers."""

import torch.nn.functional as F
from torch import Tensor

from mlpnas.errors import ShapeError
from mlpnas.spec import Grid

Sides = tuple[int, int]  # along height and width


def cut(mixer: str, grid: Grid, window: int, shifted: bool) -> tuple[Sides, Sides]:
    """Return the sides of a window, and how far shifted windows move: half a window.

    Where one window covers a side of the grid, it is as long as that side and does not move along it.

    Raises:
        ShapeError: `window` does not divide the grid, or there are tokens beside the plane.
    """
    check(mixer, "window", grid, window, least=2)
    sides = (min(window, grid.height), min(window, grid.width))
    shift = (_shift(grid.height, window), _shift(grid.width, window)) if shifted else (0, 0)
    return sides, shift


def _shift(side: int, window: int) -> int:
    return window // 2 if side > window else 0


def check(mixer: str, option: str, grid: Grid, window: int, least: int = 1) -> None:
    """Raise ShapeError if `window` does not divide the grid, naming those from `least`, or for extra tokens."""
    if grid.extra:
        raise ShapeError(f"{mixer} cuts a plane into {option}s and pool: cls adds a token; use pool: avg")
    if not _divides(window, grid):
        fitting = [str(size) for size in range(least, max(grid) + 1) if _divides(size, grid)]
        raise ShapeError(
            f"{mixer}: {option} {window} does not divide the grid {grid.height}x{grid.width}; "
            f"{option}s that fit: {', '.join(fitting)}"
        )


def _divides(window: int, grid: Grid) -> bool:
    return window > 0 and all(side <= window or side % window == 0 for side in (grid.height, grid.width))


def pad_to_windows(x: Tensor, window: Sides) -> Tensor:
    """Return (B, H, W, C) with zeros below and to the right, so that windows divide it, as in Swin for detection."""
    below, right = (-side % size for side, size in zip(x.shape[1:3], window, strict=True))
    return F.pad(x, (0, 0, 0, right, 0, below)) if below or right else x
