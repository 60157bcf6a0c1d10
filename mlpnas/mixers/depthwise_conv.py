"""Depthwise convolution, ConvNeXt's token mixer (arXiv:2201.03545)."""

from torch import Tensor, nn

from mlpnas.errors import ShapeError
from mlpnas.spec import Grid


class DepthwiseConv(nn.Module):
    """A convolution of each channel on its own, with bias, with zero padding. x: (B, H, W, C) -> (B, H, W, C).

    Raises:
        ShapeError: an even kernel, a dilation below 1, or tokens beside the plane.
    """

    plane = True

    def __init__(self, dim: int, grid: Grid, *, kernel_size: int = 7, dilation: int = 1) -> None:
        super().__init__()
        if grid.extra:
            raise ShapeError("depthwise_conv needs a plane and pool: cls adds a token; use pool: avg")
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ShapeError(
                f"depthwise_conv: kernel_size must be odd, got {kernel_size}; use {max(kernel_size + 1, 1)}"
            )
        if dilation < 1:
            raise ShapeError(f"depthwise_conv: dilation must be at least 1, got {dilation}")
        padding = dilation * (kernel_size // 2)
        self.conv = nn.Conv2d(dim, dim, kernel_size, padding=padding, dilation=dilation, groups=dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x.movedim(-1, 1)).movedim(1, -1)
