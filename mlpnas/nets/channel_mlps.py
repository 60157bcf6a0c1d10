"""Channel MLPs: two linears over the channels, with something between them. x: (..., dim) -> (..., dim)."""

import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.errors import ShapeError
from mlpnas.nets.norms import BatchNorm
from mlpnas.nets.options import create
from mlpnas.spec import Layer


class Mlp(nn.Module):
    """Two linears with GELU between them."""

    def __init__(self, dim: int, ratio: float) -> None:
        super().__init__()
        hidden = _hidden(dim, ratio)
        self.expand = nn.Linear(dim, hidden)
        self.contract = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.contract(F.gelu(self.expand(x)))


class BatchNormMlp(nn.Module):
    """A batch norm after each linear, whose bias it replaces (RepMLPNet, arXiv:2112.11081, section 3.4)."""

    def __init__(self, dim: int, ratio: float) -> None:
        super().__init__()
        hidden = _hidden(dim, ratio)
        self.expand = nn.Linear(dim, hidden, bias=False)
        self.expand_norm = BatchNorm(hidden)
        self.contract = nn.Linear(hidden, dim, bias=False)
        self.contract_norm = BatchNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.contract_norm(self.contract(F.gelu(self.expand_norm(self.expand(x)))))


class GluMlp(nn.Module):
    """SwiGLU (arXiv:2002.05202): half of the hidden channels, through SiLU, multiply the other half (timm's gMixer)."""

    def __init__(self, dim: int, ratio: float) -> None:
        super().__init__()
        hidden = _hidden(dim, ratio)
        if hidden % 2:
            raise ShapeError(
                f"glu_mlp: width {dim} x mlp_ratio {ratio} gives {hidden} hidden channels; use an even product"
            )
        self.expand = nn.Linear(dim, hidden)
        self.contract = nn.Linear(hidden // 2, dim)

    def init_weights(self) -> None:
        """Start the gate as a constant."""
        gate = slice(len(self.expand.weight) // 2, None)
        nn.init.normal_(self.expand.weight[gate], std=1e-6)
        nn.init.ones_(self.expand.bias[gate])

    def forward(self, x: Tensor) -> Tensor:
        content, gate = self.expand(x).chunk(2, -1)
        return self.contract(content * F.silu(gate))


CHANNEL_MLPS = {"mlp": Mlp, "batch_norm_mlp": BatchNormMlp, "glu_mlp": GluMlp}


def channel_mlp(layer: Layer, dim: int, ratio: float) -> nn.Module:
    """Return a channel MLP; raises UnknownName, SpecError or ShapeError for one that does not exist or fit."""
    return create("channel MLP", CHANNEL_MLPS, layer, dim, ratio)


def _hidden(dim: int, ratio: float) -> int:
    hidden = int(dim * ratio)
    if hidden < 1:
        raise ShapeError(
            f"width {dim} x mlp_ratio {ratio} is no hidden channel; the product must be at least 1, or the ratio 0"
        )
    return hidden
