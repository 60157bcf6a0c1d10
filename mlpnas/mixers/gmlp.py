"""gMLP (arXiv:2105.08050, figure 1): a gated channel MLP whose gate mixes the tokens."""

import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.errors import ShapeError
from mlpnas.mixers.token_linear import over_tokens
from mlpnas.spec import Grid


class Gmlp(nn.Module):
    """A full gMLP branch: half of int(dim * ratio) hidden channels gate the other half; set mlp_ratio: 0 with it.

    x: (B, *tokens, C) -> the same shape.

    Raises:
        ShapeError: an odd number of hidden channels, or none.
    """

    fixed_grid = True

    def __init__(self, dim: int, grid: Grid, *, ratio: float = 6) -> None:
        super().__init__()
        hidden = int(dim * ratio)
        if hidden < 2 or hidden % 2:
            raise ShapeError(
                f"gmlp: width {dim} x ratio {ratio} gives {hidden} hidden channels, which must split in two halves; "
                f"even integer ratios always do"
            )
        self.expand = nn.Linear(dim, hidden)
        self.gate = SpatialGate(hidden // 2, grid.tokens)
        self.contract = nn.Linear(hidden // 2, dim)

    def forward(self, x: Tensor) -> Tensor:
        content, gate = F.gelu(self.expand(x)).chunk(2, -1)
        return self.contract(content * self.gate(gate))


class SpatialGate(nn.Module):
    """The factor of the spatial gating unit: a norm, then one linear map over the tokens; 1 everywhere at the start."""

    def __init__(self, dim: int, tokens: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=1e-5)
        self.mix = nn.Linear(tokens, tokens)

    def init_weights(self) -> None:
        nn.init.normal_(self.mix.weight, std=1e-6)
        nn.init.ones_(self.mix.bias)

    def forward(self, x: Tensor) -> Tensor:
        return over_tokens(self.mix, self.norm(x).flatten(1, -2)).view(x.shape)
