"""The parts of a block: a residual branch around a token mixer or a channel MLP."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.errors import ShapeError
from mlpnas.nets.norms import norm
from mlpnas.nets.options import mixer
from mlpnas.spec import Grid, Layer


class Residual(nn.Module):
    """x + drop_path(scale(body(norm(x))))."""

    def __init__(self, norm: nn.Module, body: nn.Module, scale: nn.Module) -> None:
        super().__init__()
        self.norm, self.body, self.scale = norm, body, scale
        self.drop_path = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop_path(self.scale(self.body(self.norm(x))))


class ChannelMlp(nn.Module):
    """Two linears over the channels with GELU between them. x: (..., dim) -> (..., dim)."""

    def __init__(self, dim: int, ratio: float) -> None:
        super().__init__()
        hidden = int(dim * ratio)
        if hidden < 1:
            raise ShapeError(
                f"width {dim} x mlp_ratio {ratio} is no hidden channel; the product must be at least 1, or the ratio 0"
            )
        self.expand = nn.Linear(dim, hidden)
        self.contract = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.contract(F.gelu(self.expand(x)))


class LayerScale(nn.Module):
    """One learned factor per channel (CaiT, arXiv:2103.17239, section 2.1)."""

    def __init__(self, dim: int, initial: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((dim,), float(initial)))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class DropPath(nn.Module):
    """Stochastic depth (arXiv:1603.09382): in training, drops the branch for a `rate` of the images."""

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
    return Residual(norm(norm_layer, dim), mixer(layer, dim, grid), _scale(dim, layer_scale))


def channel_mixing(ratio: float, norm_layer: Layer, dim: int, layer_scale: float | None) -> Residual:
    return Residual(norm(norm_layer, dim), ChannelMlp(dim, ratio), _scale(dim, layer_scale))


def _scale(dim: int, initial: float | None) -> nn.Module:
    return nn.Identity() if initial is None else LayerScale(dim, initial)
