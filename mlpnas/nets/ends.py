"""The two ends of a network: the stem, from images to tokens, and the head, from tokens to logits."""

import torch
from torch import Tensor, nn

from mlpnas.nets.norms import norm
from mlpnas.spec import Grid, Layer


class Stem(nn.Module):
    """Patch embedding, a norm, then the class token and the position table where wanted.

    (B, channels, H * patch, W * patch) -> (B, *grid.shape, dim).
    """

    def __init__(self, channels: int, dim: int, patch: int, norm_layer: Layer, grid: Grid, positions: bool) -> None:
        super().__init__()
        self.patch = patch
        self.patches = nn.Linear(channels * patch * patch, dim)
        self.norm = norm(norm_layer, dim)
        self.class_token = nn.Parameter(torch.zeros(dim)) if grid.extra else None
        self.positions = nn.Parameter(torch.zeros(*grid.shape, dim)) if positions else None

    def init_weights(self) -> None:
        self.patches.reset_parameters()  # PyTorch's default, a convolution's
        if self.class_token is not None:
            nn.init.normal_(self.class_token, std=1e-6)
        if self.positions is not None:
            nn.init.trunc_normal_(self.positions, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        x = self.norm(self.patches(self._cut(images)))
        if self.class_token is not None:
            x = torch.cat([self.class_token.expand(x.shape[0], 1, -1), x.flatten(1, 2)], 1)
        return x if self.positions is None else x + self.positions

    def _cut(self, images: Tensor) -> Tensor:
        """(B, channels, H * patch, W * patch) -> (B, H, W, channels * patch * patch).

        A convolution of stride `patch` as one matrix product: 1.1 to 4 times faster on a CPU, and the layout is right.
        """
        cells = images.unflatten(3, (-1, self.patch)).unflatten(2, (-1, self.patch))
        return cells.permute(0, 2, 4, 1, 3, 5).flatten(3)


class Head(nn.Module):
    """Norm, then the mean of all tokens or the class token alone, then a linear classifier. -> (B, classes)."""

    def __init__(self, dim: int, classes: int, norm_layer: Layer, extra: int) -> None:
        super().__init__()
        self.norm = norm(norm_layer, dim)
        self.classifier = nn.Linear(dim, classes)
        self.extra = extra

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.norm(x).flatten(1, -2)
        return self.classifier(tokens[:, 0] if self.extra else tokens.mean(1))
