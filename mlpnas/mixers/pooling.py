"""Pooling, PoolFormer's token mixer (arXiv:2111.11418, section 3.2)."""

import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.errors import ShapeError
from mlpnas.spec import Grid


class Pooling(nn.Module):
    """The mean of the `pool_size` x `pool_size` tokens around each, less the token itself, which the residual adds.

    At the margin the mean is over fewer tokens. x: (B, H, W, C) -> (B, H, W, C).

    Raises:
        ShapeError: a pool size that is even or below 3, or tokens beside the plane.
    """

    plane = True

    def __init__(self, dim: int, grid: Grid, *, pool_size: int = 3) -> None:
        super().__init__()
        if grid.extra:
            raise ShapeError("pooling averages over a plane and pool: cls adds a token; use pool: avg")
        if pool_size < 3 or pool_size % 2 == 0:
            raise ShapeError(
                f"pooling: pool_size must be odd and at least 3, got {pool_size}; use {max(pool_size + 1, 3)}"
            )
        self.pool_size = pool_size

    def forward(self, x: Tensor) -> Tensor:
        size = self.pool_size
        mean = F.avg_pool2d(x.movedim(-1, 1), size, stride=1, padding=size // 2, count_include_pad=False)
        return mean.movedim(1, -1) - x

    def extra_repr(self) -> str:
        return f"pool_size={self.pool_size}"
