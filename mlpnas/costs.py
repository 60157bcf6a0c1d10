"""The cost of an architecture, measured piece by piece on the meta device and remembered: no weights, no data.

All figures are for one image. MACs are multiply-accumulates of convolutions, linears and attention products; biases,
norms, activations, softmax, pooling and shifts count 0. Bytes are float32's, with CPU kernels and attention's scores
as a matrix (fused attention keeps less).
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mlpnas.errors import MlpnasError, ShapeError
from mlpnas.nets.meter import Meter
from mlpnas.nets.plan import Block, Piece, first_and_second, plan, within
from mlpnas.spec import ArchSpec, Grid, Stage


@dataclass(frozen=True)
class Cost:
    """The cost of one image.

    Attributes:
        params: learned numbers.
        macs: multiply-accumulates of a forward pass.
        activation_bytes: kept for the backward pass.
        peak_bytes: largest sum of activations alive at once in the inference of one piece, its input included.
    """

    params: int = 0
    macs: int = 0
    activation_bytes: int = 0
    peak_bytes: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        """Return the cost of both, one after the other: all add up, but of the peaks the higher one stays."""
        return Cost(
            self.params + other.params,
            self.macs + other.macs,
            self.activation_bytes + other.activation_bytes,
            max(self.peak_bytes, other.peak_bytes),
        )

    def __mul__(self, times: int) -> "Cost":
        """Return the cost of `times` of it, one after the other."""
        return Cost(self.params * times, self.macs * times, self.activation_bytes * times, self.peak_bytes)


class Row(NamedTuple):
    """One line of a cost table; `output` is (height, width, channels), (tokens, channels) or (classes,)."""

    part: str
    output: tuple[int, ...]
    cost: Cost


def cost(spec: ArchSpec) -> Cost:
    """Return the sum over all pieces of a network.

    Raises:
        ShapeError: layers do not fit together. SpecError, UnknownName: options or layers that do not exist.
    """
    return sum((row.cost for row in cost_table(spec)), Cost())


def cost_table(spec: ArchSpec) -> list[Row]:
    """Return rows for the stem, the downsample and the blocks of every stage, and the head; raises as `cost` does."""
    pieces, rows = plan(spec), []
    widths, grids = [stage.width for stage in spec.stages], spec.grids()
    with within("stem"):
        rows.append(Row("stem", (*grids[0].shape, widths[0]), piece_cost(pieces.stem)))
    for number, (stage, grid) in enumerate(zip(spec.stages, grids, strict=True), 1):
        output = (*grid.shape, stage.width)
        with within(f"stage {number}"):
            if piece := pieces.stages[number - 1].downsample:
                rows.append(Row(f"downsample {number}", output, piece_cost(piece)))
            rows.append(Row(f"stage {number}", output, stage_cost(stage, grid)))
    with within("head"):
        levels = [piece_cost(stage.level) for stage in pieces.stages if stage.level]
        rows.append(Row("head", (spec.classes,), sum(levels, piece_cost(pieces.head))))
    return rows


def stage_cost(stage: Stage, grid: Grid) -> Cost:
    """Return the cost of the blocks of a stage on `grid`, without its downsample; raises as `cost` does."""
    return _unwrap(_stage_cost(stage, grid))


def piece_cost(piece: Piece) -> Cost:
    """Return the cost of a piece; raises as `cost` does."""
    return _unwrap(_piece_cost(piece))


def _unwrap(result: Cost | MlpnasError) -> Cost:
    if isinstance(result, MlpnasError):
        raise result.with_traceback(None)
    return result


# A search space probes thousands of combinations, many of them impossible: what cannot be built is remembered too.
@cache
def _stage_cost(stage: Stage, grid: Grid) -> Cost | MlpnasError:
    try:
        first, second = first_and_second(stage, grid)
        odd = _block_cost(second) * (stage.depth // 2) if stage.depth > 1 else Cost()
        return _block_cost(first) * ((stage.depth + 1) // 2) + odd
    except MlpnasError as error:
        return error


def _block_cost(block: Block) -> Cost:
    return sum((piece_cost(piece) for piece in block.values()), Cost())


@cache
def _piece_cost(piece: Piece) -> Cost | MlpnasError:
    try:
        with torch.device("meta"):
            module, x = piece.build(), torch.empty(_BATCH, *piece.shape, dtype=piece.dtype)
    except MlpnasError as error:
        return error
    own = {_storage(tensor) for tensor in (*module.parameters(), *module.buffers())}
    params = sum(parameter.numel() for parameter in module.parameters())
    try:
        kept, macs = _training(module, x, own)
        return Cost(params, macs, kept, _inference(module, x, own))
    except RuntimeError as error:
        if "overflow" not in str(error):
            raise
        return ShapeError("tensors of more bytes than can be counted; take smaller widths, grids or ratios")


_BATCH = 2  # batch norm needs more than one value per channel


def _training(module: nn.Module, x: Tensor, own: set[int]) -> tuple[int, int]:
    """Return the bytes kept for the backward pass, and the MACs."""
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if _storage(tensor) not in own:
            kept[_storage(tensor)] = tensor
        return tensor

    with Meter() as meter, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        module(x)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values()) // _BATCH, meter.flops // (2 * _BATCH)


def _inference(module: nn.Module, x: Tensor, own: set[int]) -> int:
    """Return the peak bytes, `x` included."""
    module.eval()
    with torch.no_grad(), Meter(own) as meter:
        meter.watch(x)
        module(x)
    return meter.peak // _BATCH


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
