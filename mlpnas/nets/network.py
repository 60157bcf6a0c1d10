"""The network of an ArchSpec, as an nn.Module."""

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from mlpnas.errors import ShapeError
from mlpnas.nets.branches import DropPath
from mlpnas.nets.plan import Block, StagePlan, plan, resolution, within
from mlpnas.plugins import find
from mlpnas.spec import ArchSpec


def build(spec: ArchSpec, drop_path: float = 0.0) -> "Network":
    """Return the network of `spec`, freshly initialised.

    Args:
        drop_path: rate of stochastic depth in the last block; it ramps up linearly from 0 in the first.

    Raises:
        ShapeError: layers do not fit together. SpecError, UnknownName: options or layers that do not exist.
    """
    network = Network(spec)
    _ramp(network, drop_path)
    _initialise(network.stem)
    for stage, module in zip(spec.stages, network.stages, strict=True):
        _initialise(module, as_convolutions=getattr(find("mixers", stage.mixer.name), "convolutional", False))
    _initialise(network.levels)
    _initialise(network.head)
    return network


class Network(nn.Module):
    """A stem, stages of residual blocks, a head. The state between them is (batch, height, width, channels).

    Inputs may have another height and width than the spec's, as long as no weights belong to one grid (see
    `plan.resolution`) and `spec.stride` divides them.

    Attributes:
        spec: what it was built from.
        levels: what the head computes on each stage; empty for a head that reads the last one alone.
    """

    def __init__(self, spec: ArchSpec) -> None:
        super().__init__()
        self.spec, self._stride, self._is_free = spec, spec.stride, resolution(spec) == "free"
        pieces = plan(spec)
        with within("stem"):
            self.stem = pieces.stem.build()
        self.stages = nn.ModuleList()
        for number, stage in enumerate(pieces.stages, 1):
            with within(f"stage {number}"):
                self.stages.append(_stage(stage))
        with within("head"):
            self.levels = nn.ModuleList(stage.level.build() for stage in pieces.stages if stage.level)
            self.head = pieces.head.build()

    def forward(self, inputs: Tensor) -> Any:
        """Map (B, channels, height, width) to what the head returns: logits (B, classes) of a classifier.

        Raises:
            ShapeError: the inputs have a size or a number of channels that does not fit.
        """
        if len(self.levels):
            head: Any = self.head
            return head.join(self.levels, self.forward_features(inputs))
        x = self._stem(inputs)
        for stage in self.stages:
            x = stage(x)
        return self.head(x)

    def forward_features(self, inputs: Tensor) -> list[Tensor]:
        """Map (B, channels, height, width) to the output of every stage, (B, H, W, C), without extra tokens.

        Raises:
            ShapeError: the inputs have a size or a number of channels that does not fit.
        """
        x, maps = self._stem(inputs), []
        for stage, grid in zip(self.stages, self.spec.at((inputs.shape[2], inputs.shape[3])).grids(), strict=True):
            x = stage(x)
            maps.append(x[:, grid.extra :].unflatten(1, (grid.height, grid.width)) if grid.extra else x)
        return maps

    def _stem(self, inputs: Tensor) -> Tensor:
        wanted, got = (self.spec.channels, *self.spec.image), inputs.shape[1:]
        if got != wanted and not (self._is_free and len(got) == 3 and got[0] == wanted[0]):
            raise ShapeError(
                f"the network takes images of {_size(wanted)} (channels x height x width), "
                f"got {_size(got)}; resize the images or build spec.at(size)"
            )
        if got[1] % self._stride or got[2] % self._stride:
            raise ShapeError(
                f"the network takes images whose sides are multiples of {self._stride}, got {_size(got)} "
                "(channels x height x width); resize or pad the images"
            )
        return self.stem(inputs)


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _stage(stage: StagePlan) -> nn.Sequential:
    parts = {"downsample": stage.downsample.build()} if stage.downsample else {}
    parts["blocks"] = nn.Sequential(*(_block(block) for block in stage.blocks))
    return nn.Sequential(OrderedDict(parts))


def _block(block: Block) -> nn.Sequential:
    return nn.Sequential(OrderedDict((name, piece.build()) for name, piece in block.items()))


def _ramp(network: Network, drop_path: float) -> None:
    blocks = [block for stage in network.stages for block in stage.get_submodule("blocks").children()]
    for number, block in enumerate(blocks):
        for module in block.modules():
            if isinstance(module, DropPath):
                module.rate = drop_path * number / max(len(blocks) - 1, 1)


@torch.no_grad()
def _initialise(module: nn.Module, as_convolutions: bool = False) -> None:
    """Initialise every linear, then what modules initialise on their own; convolutions keep PyTorch's default."""
    if isinstance(module, nn.Linear) and not as_convolutions:
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    for child in module.children():
        _initialise(child, as_convolutions)
    if init_weights := getattr(module, "init_weights", None):
        init_weights()
