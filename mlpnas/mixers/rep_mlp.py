"""RepMLP block of RepMLPNet (arXiv:2112.11081, section 3; DingXiaoH/RepMLP, repmlpnet.py)."""

from collections.abc import Iterable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.errors import ShapeError
from mlpnas.mixers._windows import check, pad_to_windows
from mlpnas.spec import Grid

KERNELS = (1, 3)  # of the convolutions beside the matrices, in training
REDUCTION = 4  # of the channels inside the gate


class RepMlp(nn.Module):
    """Matrices over the tokens of a partition, in training with small convolutions beside them; a gate per channel.

    There are `share_sets` matrices, and kernels of each size: channel c takes number c modulo `share_sets`. A
    convolution sees zeros beyond its partition. On a side of `grid` that one partition covers, the partition is that
    side. Planes of other sides than the grid's get zeros below and to the right, up to the next multiple.
    In eval mode matrices, convolutions and batch norms are one linear map; `deployed` has it as matrices with biases
    alone ("locality injection"). x: (B, H, W, C) -> (B, H, W, C).

    Raises:
        ShapeError: `partition` does not divide the grid, `share_sets` not `dim`, or there are tokens beside the plane.
    """

    plane = True
    divides_grid = ("partition",)
    reparameterised = "deployed"

    def __init__(
        self, dim: int, grid: Grid, *, partition: int = 7, share_sets: int = 1, deployed: bool = False
    ) -> None:
        super().__init__()
        _check(dim, grid, partition, share_sets)
        self.dim, self.grid, self.share_sets = dim, grid, share_sets
        self.partition = (min(partition, grid.height), min(partition, grid.width))
        self.gate = _Gate(dim)
        self.linear = _SharedLinear(self.partition, share_sets, bias=deployed)
        self.norm = None if deployed else _SharedNorm(share_sets)
        self.local = nn.ModuleList(() if deployed else (_Local(kernel, share_sets) for kernel in KERNELS))

    def forward(self, x: Tensor) -> Tensor:
        plane = pad_to_windows(x, self.partition)
        partitions = _cut(plane, self.partition)
        mixed = self.linear(partitions)
        if self.norm is not None:
            mixed = self.norm(mixed)
        for branch in self.local:
            mixed = mixed + branch(partitions)
        return _join(mixed, plane.shape)[:, : x.shape[1], : x.shape[2]] * self.gate(x)

    @torch.no_grad()
    def deployed(self) -> "RepMlp":
        """Return a module that computes the same as this one in eval mode; itself if it is deployed already."""
        if self.norm is None:
            return self
        weight, bias = self.norm.fold(self.linear.weight)
        for branch in cast("Iterable[_Local]", self.local):
            local_weight, local_bias = branch.norm.fold(branch.matrices(*self.partition))
            weight, bias = weight + local_weight, bias + local_bias
        state = {f"gate.{name}": value.clone() for name, value in self.gate.state_dict().items()}
        state |= {"linear.weight": weight, "linear.bias": bias.repeat_interleave(weight.shape[-1])}
        with torch.device("meta"):
            folded = RepMlp(
                self.dim, self.grid, partition=max(self.partition), share_sets=self.share_sets, deployed=True
            )
        folded.load_state_dict(state, assign=True)
        return folded

    def extra_repr(self) -> str:
        return f"partition={self.partition}, share_sets={self.share_sets}"


class _Gate(nn.Module):
    """A factor per channel, (B, H, W, C) -> (B, 1, 1, C); the "global perceptron"."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        hidden = max(dim // REDUCTION, 1)
        self.squeeze = nn.Linear(dim, hidden)
        self.excite = nn.Linear(hidden, dim)

    def init_weights(self) -> None:
        """Initialise with PyTorch's default, as the released code does."""
        self.squeeze.reset_parameters()
        self.excite.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.relu(self.squeeze(x.mean((1, 2))))
        return self.excite(hidden).sigmoid()[:, None, None]


# The modules below take (partitions, height, width, C) and return the same shape; channels are (C / sets) x sets.


class _SharedLinear(nn.Module):
    """One matrix over the tokens of a partition per share set; its bias stands for batch norms and convolutions."""

    def __init__(self, partition: tuple[int, int], sets: int, bias: bool) -> None:
        super().__init__()
        tokens = partition[0] * partition[1]
        bound = tokens**-0.5  # PyTorch's default for a linear, as released
        self.weight = nn.Parameter(torch.empty(sets, tokens, tokens).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(sets * tokens).uniform_(-bound, bound)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        sets, tokens, _ = self.weight.shape
        shared = x.shape[-1] // sets
        # one product per set, not per set and image: a matrix is read once
        columns = x.reshape(-1, tokens, shared, sets).permute(3, 1, 0, 2).flatten(2)
        if self.bias is None:
            mixed = torch.bmm(self.weight, columns)
        else:
            mixed = torch.baddbmm(self.bias.view(sets, tokens, 1), self.weight, columns)
        return mixed.unflatten(2, (-1, shared)).permute(2, 1, 3, 0).reshape(x.shape)


class _SharedNorm(nn.BatchNorm2d):
    """Batch norm with statistics per share set, over all its channels."""

    def forward(self, x: Tensor) -> Tensor:
        sets = x.flatten(2).unflatten(2, (-1, self.num_features))
        return super().forward(sets.movedim(-1, 1)).movedim(1, -1).reshape(x.shape)

    def fold(self, matrices: Tensor) -> tuple[Tensor, Tensor]:
        """Fold this norm in eval mode into (sets, tokens, tokens) before it; return them and a bias per set."""
        assert self.running_mean is not None
        assert self.running_var is not None
        scale = self.weight / (self.running_var + self.eps).sqrt()
        return matrices * scale[:, None, None], self.bias - self.running_mean * scale


class _Local(nn.Module):
    """A depthwise convolution inside the partition with one kernel per share set, and its batch norm."""

    def __init__(self, kernel: int, sets: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(sets, sets, kernel, padding=kernel // 2, groups=sets, bias=False)
        self.norm = _SharedNorm(sets)

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[-1]
        kernels = self.conv.weight.repeat(channels // self.conv.groups, 1, 1, 1)
        convolved = F.conv2d(x.movedim(-1, 1), kernels, padding=self.conv.padding, groups=channels)
        return self.norm(convolved.movedim(1, -1))

    def matrices(self, height: int, width: int) -> Tensor:
        """Return the convolution as (sets, tokens, tokens): column t is its answer to token t alone."""
        one_hot = torch.eye(height * width).to(self.conv.weight).view(-1, 1, height, width)
        return F.conv2d(one_hot, self.conv.weight, padding=self.conv.padding).flatten(2).permute(1, 2, 0)


def _cut(x: Tensor, partition: tuple[int, int]) -> Tensor:
    """Cut (B, H, W, C) into (B * partitions, height, width, C)."""
    cells = x.unflatten(2, (-1, partition[1])).unflatten(1, (-1, partition[0]))
    return cells.transpose(2, 3).flatten(0, 2)


def _join(partitions: Tensor, shape: torch.Size) -> Tensor:
    """Reverse `_cut`; `shape` is (B, H, W, C)."""
    rows, columns = shape[1] // partitions.shape[1], shape[2] // partitions.shape[2]
    return partitions.unflatten(0, (-1, rows, columns)).transpose(2, 3).reshape(shape)


def _check(dim: int, grid: Grid, partition: int, share_sets: int) -> None:
    check("rep_mlp", "partition", grid, partition)
    if share_sets < 1 or dim % share_sets:
        fitting = (str(sets) for sets in range(1, dim + 1) if dim % sets == 0)
        raise ShapeError(
            f"rep_mlp: share_sets {share_sets} does not divide width {dim}; numbers that do: {', '.join(fitting)}"
        )
