"""The parts of a block: a residual branch around a token mixer or a channel MLP."""

import torch
from torch import Tensor, nn

from mlpnas.nets.channel_mlps import channel_mlp
from mlpnas.nets.norms import norm
from mlpnas.nets.options import from_catalogue
from mlpnas.spec import Grid, Layer


class Residual(nn.Module):
    """A residual branch: x + drop_path(scale(body(norm(x))))."""

    def __init__(self, norm: nn.Module, body: nn.Module, scale: nn.Module) -> None:
        super().__init__()
        self.norm, self.body, self.scale = norm, body, scale
        self.drop_path = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop_path(self.scale(self.body(self.norm(x))))


class LayerScale(nn.Module):
    """One learned factor per channel (CaiT, arXiv:2103.17239, section 2.1)."""

    def __init__(self, dim: int, initial: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((dim,), float(initial)))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class DropPath(nn.Module):
    """Stochastic depth (arXiv:1603.09382): in training, the branch is dropped for a `rate` of the images."""

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = 1 - self.rate
        return x * x.new_empty(len(x), *(1,) * (x.ndim - 1)).bernoulli_(keep).div_(keep)

    def extra_repr(self) -> str:
        return f"rate={self.rate:g}"


def token_mixing(layer: Layer, norm_layer: Layer, dim: int, grid: Grid, layer_scale: float | None) -> Residual:
    """Return the branch around the token mixer `layer`."""
    return Residual(norm(norm_layer, dim), from_catalogue("mixers", layer, dim, grid), _scale(dim, layer_scale))


def channel_mixing(layer: Layer, ratio: float, norm_layer: Layer, dim: int, layer_scale: float | None) -> Residual:
    """Return the branch around the channel MLP `layer`."""
    return Residual(norm(norm_layer, dim), channel_mlp(layer, dim, ratio), _scale(dim, layer_scale))


def _scale(dim: int, initial: float | None) -> nn.Module:
    return nn.Identity() if initial is None else LayerScale(dim, initial)
