"""Three branches summed with weights that are computed from them, as in ViP and CycleMLP."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.errors import ShapeError

REDUCTION = 4


class Reweight(nn.Module):
    """Split attention (ViP, arXiv:2106.12368, section 3.2): a softmax over the branches per image and channel.

    An MLP with dim // 4 hidden channels reads the mean of all branches. Three of (B, H, W, C) -> (B, H, W, C).

    Raises:
        ShapeError: no hidden channel is left.
    """

    def __init__(self, mixer: str, dim: int) -> None:
        super().__init__()
        if dim < REDUCTION:
            raise ShapeError(f"{mixer}: width {dim} // {REDUCTION} is no hidden channel; use {REDUCTION} or more")
        self.reduce = nn.Linear(dim, dim // REDUCTION)
        self.expand = nn.Linear(dim // REDUCTION, 3 * dim)

    def forward(self, one: Tensor, two: Tensor, three: Tensor) -> Tensor:
        mean = one.mean((1, 2)) + two.mean((1, 2)) + three.mean((1, 2))
        logits = self.expand(F.gelu(self.reduce(mean))).unflatten(-1, (-1, 3))  # the three of a channel side by side
        first, second, third = logits.permute(2, 0, 1).softmax(0)[:, :, None, None].unbind()
        return torch.addcmul(torch.addcmul(one * first, two, second), three, third)
