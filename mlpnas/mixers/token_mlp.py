"""Token-mixing MLP of MLP-Mixer (arXiv:2105.01601, section 2)."""

import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.errors import ShapeError
from mlpnas.mixers.token_linear import over_tokens
from mlpnas.spec import Grid


class TokenMlp(nn.Module):
    """An MLP over the tokens of each channel, shared by all channels; int(dim * ratio) hidden units.

    x: (B, *tokens, C) -> the same shape.

    Raises:
        ShapeError: no hidden unit is left.
    """

    fixed_grid = True

    def __init__(self, dim: int, grid: Grid, *, ratio: float = 0.5) -> None:
        super().__init__()
        hidden = int(dim * ratio)
        if hidden < 1:
            raise ShapeError(
                f"token_mlp: width {dim} x ratio {ratio} is no hidden unit; the product must be at least 1"
            )
        self.expand = nn.Linear(grid.tokens, hidden)
        self.contract = nn.Linear(hidden, grid.tokens)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.gelu(over_tokens(self.expand, x.flatten(1, -2)))
        return over_tokens(self.contract, hidden).view(x.shape)
