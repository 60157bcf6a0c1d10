"""How mixers cut a plane into windows."""

from mlpnas.errors import ShapeError
from mlpnas.spec import Grid

Sides = tuple[int, int]  # along height and width


def cut(mixer: str, grid: Grid, window: int, shifted: bool) -> tuple[Sides, Sides]:
    """The sides of a window, and how far shifted windows move: half a window.

    Where one window covers a side of the grid, it is as long as that side and does not move along it.

    Raises:
        ShapeError: `window` does not divide the grid, or tokens beside the plane.
    """
    _check(mixer, grid, window)
    sides = (min(window, grid.height), min(window, grid.width))
    shift = (_shift(grid.height, window), _shift(grid.width, window)) if shifted else (0, 0)
    return sides, shift


def _shift(side: int, window: int) -> int:
    return window // 2 if side > window else 0


def _check(mixer: str, grid: Grid, window: int) -> None:
    if grid.extra:
        raise ShapeError(f"{mixer} cuts a plane into windows and pool: cls adds a token; use pool: avg")
    if not _divides(window, grid):
        fitting = [str(size) for size in range(2, max(grid) + 1) if _divides(size, grid)]
        raise ShapeError(
            f"{mixer}: window {window} does not divide the grid {grid.height}x{grid.width}; "
            f"windows that fit: {', '.join(fitting)}"
        )


def _divides(window: int, grid: Grid) -> bool:
    return window > 0 and all(side <= window or side % window == 0 for side in (grid.height, grid.width))
