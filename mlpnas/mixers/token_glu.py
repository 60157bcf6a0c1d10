"""Token-mixing SwiGLU (arXiv:2002.05202) of gMixer (timm, models/mlp_mixer.py)."""

import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.errors import ShapeError
from mlpnas.mixers.token_linear import over_tokens
from mlpnas.spec import Grid


class TokenGlu(nn.Module):
    """A gated MLP over the tokens of each channel, shared by all channels.

    Of int(dim * ratio) hidden units one half, through SiLU, multiplies the other. x: (B, *tokens, C) -> the same shape.

    Raises:
        ShapeError: an odd number of hidden units, or none.
    """

    fixed_grid = True

    def __init__(self, dim: int, grid: Grid, *, ratio: float = 1.0) -> None:
        super().__init__()
        hidden = int(dim * ratio)
        if hidden < 2 or hidden % 2:
            raise ShapeError(
                f"token_glu: width {dim} x ratio {ratio} gives {hidden} hidden units, which must split in two halves; "
                "use an even product"
            )
        self.expand = nn.Linear(grid.tokens, hidden)
        self.contract = nn.Linear(hidden // 2, grid.tokens)

    def init_weights(self) -> None:
        """Start the gate at SiLU(1) everywhere, as in timm."""
        gate = slice(self.expand.out_features // 2, None)
        nn.init.normal_(self.expand.weight[gate], std=1e-6)
        nn.init.ones_(self.expand.bias[gate])

    def forward(self, x: Tensor) -> Tensor:
        content, gate = over_tokens(self.expand, x.flatten(1, -2)).chunk(2, 1)
        return over_tokens(self.contract, content * F.silu(gate)).view(x.shape)
