"""Patch embedding (ViT, arXiv:2010.11929, section 3.1)."""

import torch
from torch import Tensor, nn

from mlpnas.errors import ShapeError
from mlpnas.spec import Grid, Stem


class Patches(nn.Module):
    """A convolution of stride `spec.patch`, norm, activation, then the extra tokens and the position table.

    (B, channels, H * patch, W * patch) -> (B, *grid.shape, width).

    Raises:
        ShapeError: a kernel smaller than the patch, which would leave pixels out.
    """

    no_weight_decay = ("positions", "class_token", "distillation_token")

    def __init__(
        self,
        channels: int,
        width: int,
        grid: Grid,
        spec: Stem,
        norm: nn.Module,
        activation: nn.Module,
        positions: bool,
    ) -> None:
        super().__init__()
        overlaps = spec.kernel not in (None, spec.patch)
        self.patches = (OverlappingPatches if overlaps else PatchLinear)(channels, width, spec)
        self.norm, self.activation = norm, activation
        self.class_token = nn.Parameter(torch.zeros(width)) if grid.extra else None
        self.distillation_token = nn.Parameter(torch.zeros(width)) if grid.extra > 1 else None
        self.positions = nn.Parameter(torch.zeros(*grid.shape, width)) if positions else None

    def init_weights(self) -> None:
        for token in self._extra_tokens():
            nn.init.normal_(token, std=1e-6)
        if self.positions is not None:
            nn.init.trunc_normal_(self.positions, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        x = self.activation(self.norm(self.patches(images)))
        if tokens := self._extra_tokens():
            x = torch.cat([*(token.expand(x.shape[0], 1, -1) for token in tokens), x.flatten(1, 2)], 1)
        return x if self.positions is None else x + self.positions

    def _extra_tokens(self) -> list[nn.Parameter]:
        return [token for token in (self.class_token, self.distillation_token) if token is not None]


class PatchLinear(nn.Linear):
    """A convolution with kernel = stride as one matrix product, whose output has the layout of all that follows.

    1.1 to 4 times faster than the convolution on a CPU.
    """

    def __init__(self, channels: int, width: int, spec: Stem) -> None:
        super().__init__(channels * spec.patch * spec.patch, width, bias=spec.bias)
        self.patch = spec.patch

    def init_weights(self) -> None:
        self.reset_parameters()  # PyTorch's default, a convolution's

    def forward(self, images: Tensor) -> Tensor:
        cells = images.unflatten(3, (-1, self.patch)).unflatten(2, (-1, self.patch))
        return super().forward(cells.permute(0, 2, 4, 1, 3, 5).flatten(3))


class OverlappingPatches(nn.Conv2d):
    """A convolution with kernel > stride; zero padding keeps the grid at input / patch."""

    def __init__(self, channels: int, width: int, spec: Stem) -> None:
        kernel = spec.kernel or spec.patch
        if kernel < spec.patch:
            raise ShapeError(
                f"kernel {kernel} is smaller than patch {spec.patch} and leaves pixels out; use {spec.patch} or more"
            )
        padding = (kernel - spec.patch + 1) // 2
        super().__init__(channels, width, kernel, spec.patch, padding, bias=spec.bias)

    def forward(self, images: Tensor) -> Tensor:
        # Images that are laid out channels-last make tokens that need no copy. Tokens that are not contiguous slow
        # down everything that follows; images of one channel have no layout, so theirs are copied.
        tokens = super().forward(images.contiguous(memory_format=torch.channels_last))
        return tokens.movedim(1, -1).contiguous()
