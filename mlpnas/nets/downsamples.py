"""Downsampling: the input of a stage from the output of the stage before."""

from torch import Tensor, nn

from mlpnas.errors import ShapeError
from mlpnas.nets.activations import activation as activation_of
from mlpnas.nets.norms import norm
from mlpnas.nets.options import create
from mlpnas.spec import Activation, Layer


class Merge(nn.Module):
    """Patch merging (Swin, arXiv:2103.14030, section 3.1): the pixels of each 2x2 cell side by side, norm, linear.

    (B, H, W, source) -> (B, H / 2, W / 2, target).
    """

    def __init__(self, source: int, target: int, norm_layer: Layer) -> None:
        super().__init__()
        self.norm = norm(norm_layer, 4 * source)
        self.reduce = nn.Linear(4 * source, target, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        cells = x.unflatten(2, (-1, 2)).unflatten(1, (-1, 2))  # (B, H/2, row, W/2, column, C)
        return self.reduce(self.norm(cells.permute(0, 1, 3, 4, 2, 5).flatten(3)))


class Conv(nn.Module):
    """A convolution of stride 2 that halves even grids; `normed` adds the stage's norm.

    (B, H, W, source) -> (B, H / 2, W / 2, target).
    """

    def __init__(
        self,
        source: int,
        target: int,
        norm_layer: Layer,
        *,
        kernel: int = 3,
        bias: bool = True,
        normed: bool = False,
        activation: Activation = "none",
    ) -> None:
        super().__init__()
        if kernel < 2:
            raise ShapeError(f"downsample conv: kernel must be at least its stride 2, got {kernel}; use 2 or 3")
        self.conv = nn.Conv2d(source, target, kernel, 2, (kernel - 1) // 2, bias=bias)
        self.norm = norm(norm_layer, target) if normed else nn.Identity()
        self.activation = activation_of(activation)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.norm(self.conv(x.movedim(-1, 1)).movedim(1, -1)))


class Keep(nn.Identity):
    """Tokens as they are."""

    def __init__(self, source: int, target: int, norm_layer: Layer) -> None:
        super().__init__()
        if source != target:
            raise ShapeError(
                f"downsample: none keeps the width, but it leads from {source} to {target}; "
                "use merge, conv or equal widths"
            )


DOWNSAMPLES = {"merge": Merge, "conv": Conv, "none": Keep}


def downsample(layer: Layer, source: int, target: int, norm_layer: Layer) -> nn.Module:
    """Return a downsample; raises UnknownName, SpecError or ShapeError for one that does not exist or fit."""
    return create("downsample", DOWNSAMPLES, layer, source, target, norm_layer)
