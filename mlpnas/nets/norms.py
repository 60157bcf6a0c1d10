"""Norms over the channels, the last axis of (batch, *tokens, channels)."""

import torch
from torch import Tensor, nn

from mlpnas.nets.options import create
from mlpnas.spec import Layer


class LayerNorm(nn.LayerNorm):
    """A norm with statistics per token."""

    def __init__(self, dim: int, *, eps: float = 1e-6) -> None:
        super().__init__(dim, eps)


class GroupNorm(nn.GroupNorm):
    """A norm of one group: statistics over all tokens and channels of an image."""

    def __init__(self, dim: int, *, eps: float = 1e-5) -> None:
        super().__init__(1, dim, eps)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(-1, 1)).movedim(1, -1)


class BatchNorm(nn.BatchNorm1d):
    """A norm with statistics per channel, over the batch and all tokens."""

    def __init__(self, dim: int, *, eps: float = 1e-5) -> None:
        super().__init__(dim, eps)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(0, -2)).view(x.shape)


class Affine(nn.Module):
    """A norm without statistics, scale * x + shift (ResMLP, arXiv:2105.03404, section 3)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.bias, self.weight, x)


class NoNorm(nn.Identity):
    """No norm."""

    def __init__(self, dim: int) -> None:
        super().__init__()


NORMS = {"layer": LayerNorm, "group": GroupNorm, "batch": BatchNorm, "affine": Affine, "none": NoNorm}


def norm(layer: Layer, dim: int) -> nn.Module:
    """Return a norm; raises UnknownName or SpecError for a name or an option that no norm has."""
    return create("norm", NORMS, layer, dim)
