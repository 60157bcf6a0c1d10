"""The effective receptive field (arXiv:1701.04128): how strongly a token of a stage depends on each pixel.

A field is the gradient of a stage's centre token to the image, absolute, summed over the channels and averaged over
random images and weights. A zero is exact: no path leads from that pixel to the token.
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

_MACS, _SAMPLES = 10e9, 4  # of all samples: seconds on one core; the most samples


def receptive_field(spec: ArchSpec, stage: int = -1, *, samples: int | None = None, seed: int = 0) -> Field:
    """Return the field of one stage, (height, width) of the image; see receptive_fields.

    Raises:
        SpecError: there is no such stage, or as in `build`.
    """
    if not -len(spec.stages) <= stage < len(spec.stages):
        raise SpecError(f"receptive field: no stage {stage}; the last of the {len(spec.stages)} is -1, the first 0")
    return receptive_fields(spec, samples=samples, seed=seed)[stage]


def receptive_fields(spec: ArchSpec, *, samples: int | None = None, seed: int = 0) -> list[Field]:
    """Return every stage's field through the network before it: (height, width) of the image, sum 1.

    Args:
        samples: random images and weights; None: 1 to 4, fewer for larger networks.

    Raises:
        ShapeError, SpecError, UnknownName: as in `build`.
    """
    count = samples or int(min(max(_MACS // cost(spec).macs, 1), _SAMPLES))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(spec)
        return _fields(
            network, lambda x: network.forward_features(x.movedim(-1, 1)), (*spec.image, spec.channels), count
        )


def block_fields(spec: ArchSpec, *, samples: int = 3, seed: int = 0) -> list[Field]:
    """Return every stage's field through its first block alone: (height, width) of its token grid, sum 1.

    Raises:
        ShapeError, SpecError, UnknownName: as in `build`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        firsts = [stage.blocks[0]["token_mixing"] for stage in plan(spec).stages]
        return [_block_field(first, grid, samples) for first, grid in zip(firsts, spec.grids(), strict=True)]


def _block_field(first: Piece, grid: Grid, samples: int) -> Field:
    """Return the field of the token mixing with its skip connection; the channel MLP after it mixes no tokens."""
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
    """Return the field of each of the `maps` of x, (1, *shape) -> (1, H, W, C), that `module` computes."""
    module.eval().requires_grad_(False)
    fields = []
    for _ in range(samples):
        _randomize_weights(module)
        x = torch.randn(1, *shape, requires_grad=True)
        with _ConstantStatistics():
            fields.append([_field(out, x) for out in maps(x)])
    return [np.mean(same, axis=0) for same in zip(*fields, strict=True)]


def _field(out: Tensor, x: Tensor) -> Field:
    token = out[0, out.shape[1] // 2, out.shape[2] // 2]
    # a random direction: the plain sum over channels would vanish after a norm
    (gradient,) = torch.autograd.grad(token @ torch.randn_like(token), x, retain_graph=True)
    field = gradient[0].abs().sum(-1).double().numpy()
    return field / field.sum()


@torch.no_grad()
def _randomize_weights(module: nn.Module) -> None:
    """Set random matrices and kernels of gain 1: small initial values (LayerScale, gMLP's gate) would hide mixing."""
    for parameter in module.parameters():
        if parameter.ndim > 1:
            parameter.normal_(std=parameter[0].numel() ** -0.5)
    for part in module.modules():
        if isinstance(part, LayerScale):
            part.weight.fill_(1)


class _ConstantStatistics(TorchFunctionMode):
    """A mode in which a group norm's statistics are constants: through them every pixel would reach every token."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return (_group_norm if function is F.group_norm else function)(*args, **(kwargs or {}))


def _group_norm(
    x: Tensor, groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Return F.group_norm of (B, C, ...) with statistics that have no gradient."""
    grouped, per_channel = x.reshape(len(x), groups, -1), (-1, *(1,) * (x.ndim - 2))
    variance, mean = torch.var_mean(grouped.detach(), 2, correction=0, keepdim=True)
    normed = ((grouped - mean) * (variance + eps).rsqrt()).view(x.shape)
    if weight is None or bias is None:
        return normed
    return normed * weight.view(per_channel) + bias.view(per_channel)


class Extent(NamedTuple):
    """The reach of a field in pixels.

    Attributes:
        share: pixels with any influence over all pixels, 0 to 1.
        box: height and width of their bounding box.
        core: height and width of the rows and the columns that hold the middle 95 % of the gradient.
    """

    share: float
    box: tuple[int, int]
    core: tuple[int, int]


def extent(field: Field) -> Extent:
    """Return the reach of a field."""
    profiles = field.sum(1), field.sum(0)
    height, width = (_span(np.flatnonzero(profile)[[0, -1]]) for profile in profiles)
    core_height, core_width = (_span(np.searchsorted(profile.cumsum(), (0.025, 0.975))) for profile in profiles)
    return Extent(float(np.count_nonzero(field) / field.size), (height, width), (core_height, core_width))


def _span(ends: NDArray[np.intp]) -> int:
    return int(ends[1] - ends[0]) + 1
