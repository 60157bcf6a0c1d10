"""Weighted Permute-MLP of ViP (arXiv:2106.12368, section 3.2; Andrew-Qibin/VisionPermutator, models/vip.py)."""

from math import lcm

from torch import Tensor, nn

from mlpnas.errors import ShapeError
from mlpnas.mixers._reweight import Reweight
from mlpnas.spec import Grid


class Permute(nn.Module):
    """Rows exchanged with channel segments and mixed by a linear over the channels; columns alike; then weighted.

    A side of n positions takes n segments of dim / n channels, as in every published model.
    x: (B, H, W, C) -> (B, H, W, C).

    Raises:
        ShapeError: `dim` is not divisible by both sides, or tokens beside the plane.
    """

    plane = True
    fixed_grid = True  # their shapes fit other grids, but each weight means a row or column and a place in its segment

    def __init__(self, dim: int, grid: Grid) -> None:
        super().__init__()
        _check(dim, grid)
        self.vertical = nn.Linear(dim, dim, bias=False)
        self.horizontal = nn.Linear(dim, dim, bias=False)
        self.pointwise = nn.Linear(dim, dim, bias=False)
        self.reweight = Reweight("permute", dim)
        self.project = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        vertical = _permute(self.vertical(_permute(x, 1)), 1)
        horizontal = _permute(self.horizontal(_permute(x, 2)), 2)
        return self.project(self.reweight(vertical, horizontal, self.pointwise(x)))


def _permute(x: Tensor, axis: int) -> Tensor:
    """Exchange the positions along `axis` with as many segments of the channels; twice gives `x` again."""
    return x.unflatten(3, (x.shape[axis], -1)).transpose(axis, 3).flatten(3)


def _check(dim: int, grid: Grid) -> None:
    if grid.extra:
        raise ShapeError("permute mixes rows and columns and pool: cls adds a token; use pool: avg")
    step = lcm(grid.height, grid.width)
    if dim % step:
        raise ShapeError(
            f"permute: width {dim} does not split into as many segments as the grid {grid.height}x{grid.width} has "
            f"rows and columns; widths that fit are multiples of {step}"
        )
