"""No token mixing: what a network does without it (IdentityFormer, arXiv:2210.13452)."""

from torch import nn

from mlpnas.spec import Grid


class Identity(nn.Identity):
    """The identity, in any layout."""

    def __init__(self, dim: int, grid: Grid) -> None:
        super().__init__()
