"""Which pixels a token of a stage depends on, and how strongly: the effective receptive field (arXiv:1701.04128).

A field is the gradient of a stage's centre token to the image, its absolute values summed over the channels, as a mean
over random images and random weights. A zero is exact: no path leads from that pixel to the token.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from mlpnas.costs import cost
from mlpnas.errors import SpecError
from mlpnas.nets.branches import LayerScale
from mlpnas.nets.network import build
from mlpnas.nets.plan import Piece, plan
from mlpnas.spec import ArchSpec, Grid

Field = NDArray[np.float64]

_MACS, _SAMPLES = 10e9, 4  # of all draws together: seconds on one core; the most draws


def receptive_field(spec: ArchSpec, stage: int = -1, *, samples: int | None = None, seed: int = 0) -> Field:
    """The field of one stage, (height, width) of the image; see receptive_fields.

    Raises:
        SpecError: there is no such stage; or as `build` does.
    """
    if not -len(spec.stages) <= stage < len(spec.stages):
        raise SpecError(f"receptive field: no stage {stage}; the last of the {len(spec.stages)} is -1, the first 0")
    return receptive_fields(spec, samples=samples, seed=seed)[stage]


def receptive_fields(spec: ArchSpec, *, samples: int | None = None, seed: int = 0) -> list[Field]:
    """Every stage's field through the network before it: (height, width) of the image, sum 1.

    Args:
        samples: draws of image and weights; None: 1 to 4, the fewer the larger the network.

    Raises:
        ShapeError, SpecError, UnknownName: as `build` does.
    """
    draws = samples or int(min(max(_MACS // cost(spec).macs, 1), _SAMPLES))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(spec)
        return _fields(
            network, lambda x: network.forward_features(x.movedim(-1, 1)), (*spec.image, spec.channels), draws
        )


def block_fields(spec: ArchSpec, *, samples: int = 3, seed: int = 0) -> list[Field]:
    """Every stage's field through its first block alone: (height, width) of its token grid, sum 1.

    Raises:
        ShapeError, SpecError, UnknownName: as `build` does.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        firsts = [stage.blocks[0]["token_mixing"] for stage in plan(spec).stages]
        return [_block_field(first, grid, samples) for first, grid in zip(firsts, spec.grids(), strict=True)]


def _block_field(first: Piece, grid: Grid, samples: int) -> Field:
    """Of the token mixing with its skip connection; the channel MLP behind it moves nothing between tokens."""
    block = first.build()

    def on_plane(x: Tensor) -> list[Tensor]:
        if not grid.extra:
            return [block(x)]
        tokens = block(F.pad(x.flatten(1, 2), (0, 0, grid.extra, 0)))
        return [tokens[:, grid.extra :].view(x.shape)]

    return _fields(block, on_plane, (grid.height, grid.width, first.shape[-1]), samples)[0]


def _fields(
    module: nn.Module, maps: Callable[[Tensor], Sequence[Tensor]], shape: tuple[int, ...], samples: int
) -> list[Field]:
    """The field of each of the `maps` of x, (1, *shape) -> (1, H, W, C), that `module` computes."""
    module.eval().requires_grad_(False)
    draws = []
    for _ in range(samples):
        _draw_weights(module)
        x = torch.randn(1, *shape, requires_grad=True)
        with _ConstantStatistics():
            draws.append([_field(out, x) for out in maps(x)])
    return [np.mean(same, axis=0) for same in zip(*draws, strict=True)]


def _field(out: Tensor, x: Tensor) -> Field:
    token = out[0, out.shape[1] // 2, out.shape[2] // 2]
    # a random direction: the plain sum over channels would vanish behind a norm
    (gradient,) = torch.autograd.grad(token @ torch.randn_like(token), x, retain_graph=True)
    field = gradient[0].abs().sum(-1).double().numpy()
    return field / field.sum()


@torch.no_grad()
def _draw_weights(module: nn.Module) -> None:
    """Fresh matrices and kernels of gain 1, lest a small initial value (LayerScale, gMLP's gate) hides the mixing."""
    for parameter in module.parameters():
        if parameter.ndim > 1:
            parameter.normal_(std=parameter[0].numel() ** -0.5)
    for part in module.modules():
        if isinstance(part, LayerScale):
            part.weight.fill_(1)


class _ConstantStatistics(TorchFunctionMode):
    """Takes a group norm's mean and deviation for constants: through them every pixel would reach every token."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return (_group_norm if function is F.group_norm else function)(*args, **(kwargs or {}))


def _group_norm(
    x: Tensor, groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """F.group_norm of (B, C, ...) whose statistics have no gradient."""
    grouped, per_channel = x.reshape(len(x), groups, -1), (-1, *(1,) * (x.ndim - 2))
    variance, mean = torch.var_mean(grouped.detach(), 2, correction=0, keepdim=True)
    normed = ((grouped - mean) * (variance + eps).rsqrt()).view(x.shape)
    if weight is None or bias is None:
        return normed
    return normed * weight.view(per_channel) + bias.view(per_channel)


class Extent(NamedTuple):
    """How far a field reaches, in its pixels.

    Attributes:
        share: of the pixels that count at all, 0 to 1.
        box: height and width around them.
        core: height and width of the rows and the columns that hold the middle 95 % of the gradient.
    """

    share: float
    box: tuple[int, int]
    core: tuple[int, int]


def extent(field: Field) -> Extent:
    """The reach of a field."""
    profiles = field.sum(1), field.sum(0)
    height, width = (_span(np.flatnonzero(profile)[[0, -1]]) for profile in profiles)
    core_height, core_width = (_span(np.searchsorted(profile.cumsum(), (0.025, 0.975))) for profile in profiles)
    return Extent(float(np.count_nonzero(field) / field.size), (height, width), (core_height, core_width))


def _span(ends: NDArray[np.intp]) -> int:
    return int(ends[1] - ends[0]) + 1
