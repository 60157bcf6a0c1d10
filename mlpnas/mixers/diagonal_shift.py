"""Shifts along both diagonals: the axial shift (arXiv:2107.08391, section 3.2) turned by 45 degrees."""

import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.mixers.axial_shift import COLUMNS, ROWS, axial_shift, check_shift
from mlpnas.spec import Grid


class DiagonalShift(nn.Module):
    """Channel groups moved along one diagonal, mixed by linears; both diagonals in parallel. x: (B, H, W, C) -> same.

    Raises:
        ShapeError: an even shift size, fewer channel groups than `shift_size`, or tokens beside the plane.
    """

    plane = True

    def __init__(self, dim: int, grid: Grid, *, shift_size: int = 5) -> None:
        super().__init__()
        check_shift("diagonal_shift", dim, grid, shift_size)
        self.shift_size = shift_size
        self.enter = nn.Linear(dim, dim)
        self.falling = nn.Linear(dim, dim)
        self.rising = nn.Linear(dim, dim)
        self.leave = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        down = axial_shift(F.gelu(self.enter(x)), ROWS, self.shift_size)
        falling = F.gelu(self.falling(axial_shift(down, COLUMNS, self.shift_size)))
        rising = F.gelu(self.rising(axial_shift(down, COLUMNS, self.shift_size, -1)))
        return self.leave(falling + rising)
