"""Cross-patch linear layer of ResMLP (arXiv:2105.03404, section 3)."""

from torch import Tensor, nn

from mlpnas.spec import Grid


class TokenLinear(nn.Module):
    """One linear map over the tokens, shared by all channels. x: (B, *tokens, C) -> the same shape."""

    locked = True

    def __init__(self, dim: int, grid: Grid) -> None:
        super().__init__()
        self.mix = nn.Linear(grid.tokens, grid.tokens)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(x.flatten(1, -2).mT).mT.reshape(x.shape)
