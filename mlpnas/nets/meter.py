"""A counter of what runs on the meta device: FLOPs by torch.utils.flop_counter's formulas, bytes of living tensors."""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import zip_longest
from typing import Any
from weakref import finalize

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

aten = torch.ops.aten


class Meter(TorchDispatchMode):
    """Counts FLOPs and bytes inside its block.

    Attributes:
        flops: so far; a multiply-accumulate counts 2.
        peak: largest number of bytes of all results alive at once, without the storages in `ignored`.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Return False, or the first operation would import torch.compile's machinery, for seconds."""
        return False

    def __init__(self, ignored: Collection[int] = ()) -> None:
        super().__init__()
        self.flops = self.peak = self._living = 0
        self._known = set(ignored)

    def watch(self, tensor: Tensor) -> None:
        """Count the storage of `tensor` while it lives."""
        storage = tensor.untyped_storage()
        if storage._cdata not in self._known:
            self._known.add(storage._cdata)
            self._living += storage.nbytes()
            self.peak = max(self.peak, self._living)
            finalize(storage, self._forget, storage._cdata, storage.nbytes())

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._living -= size

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = _SHAPES.get(op, op)(*args, **kwargs)
        if formula := flop_registry.get(op._overloadpacket):
            self.flops += _flops(formula, args, kwargs, result)
        for tensor in _tensors(result):
            self.watch(tensor)
        return result


def _flops(formula: Any, args: Any, kwargs: Any, result: Any) -> int:
    """Compute a formula on shapes.

    Its wrapper would search the arguments as trees, which takes most of the time of a small layer.
    """
    if not hasattr(formula, "__wrapped__") or kwargs or not isinstance(result, Tensor):
        return int(formula(*args, **kwargs, out_val=result))
    shapes = [argument.shape if isinstance(argument, Tensor) else argument for argument in args]
    return int(formula.__wrapped__(*shapes, out_shape=result.shape))


def _tensors(result: Any) -> Iterator[Tensor]:
    if isinstance(result, Tensor):
        yield result
    elif isinstance(result, (tuple, list)):
        for item in result:
            yield from _tensors(item)


def _like(x: Tensor, *_: Any, **__: Any) -> Tensor:
    return x.new_empty(x.shape)


def _broadcast(x: Tensor, other: Any, *_: Any, **__: Any) -> Tensor:
    if not isinstance(other, Tensor):
        return x.new_empty(x.shape)
    sides = zip_longest(reversed(x.shape), reversed(other.shape), fillvalue=1)
    return x.new_empty([max(pair) for pair in sides][::-1])


def _reduce(x: Tensor, axes: list[int], keep: bool = False, **_: Any) -> Tensor:
    gone = {axis % x.ndim for axis in axes}
    kept = [(axis, size) for axis, size in enumerate(x.shape) if keep or axis not in gone]
    return x.new_empty([1 if axis in gone else size for axis, size in kept])


def _join(parts: Sequence[Tensor], axis: int = 0) -> Tensor:
    shape = list(parts[0].shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    return parts[0].new_empty(shape)


def _layer_norm(x: Tensor, shape: list[int], *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    statistics = (*x.shape[: -len(shape)], *(1,) * len(shape))
    return x.new_empty(x.shape), x.new_empty(statistics), x.new_empty(statistics)


def _group_norm(x: Tensor, *sizes: Any) -> tuple[Tensor, Tensor, Tensor]:
    batch, groups = sizes[2], sizes[5]
    # a plane stays channels-last, so that what follows needs no copy
    out = x.new_empty_strided(x.shape, x.stride()) if x.ndim == 4 else x.new_empty(x.shape)
    return out, x.new_empty(batch, groups), x.new_empty(batch, groups)


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, *options: Any) -> Tensor:
    steps, margins, spreads, is_transposed, _, _ = options
    if is_transposed or x.ndim != 4:
        return aten.convolution.default(x, weight, bias, *options)
    sides = [
        (size + 2 * margin - spread * (kernel - 1) - 1) // step + 1
        for size, kernel, step, margin, spread in zip(
            x.shape[2:], weight.shape[2:], steps, margins, spreads, strict=True
        )
    ]
    shape = x.shape[0], weight.shape[0], *sides
    is_last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    # a plane stays channels-last on a CPU, which torch's meta kernel does not know
    return x.new_empty(shape[0], *sides, shape[1]).movedim(-1, 1) if is_last else x.new_empty(shape)


def _batch_norm(x: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    return x.new_empty_strided(x.shape, x.stride()), x.new_empty(x.shape[1]), x.new_empty(x.shape[1])


# torch's own meta kernels of these are Python: a millisecond each, and seconds of imports at the first one.
_SHAPES: dict[Any, Callable[..., Any]] = {
    aten.addmm.default: lambda bias, x, weight, **_: x.new_empty(x.shape[0], weight.shape[1]),
    aten.mm.default: lambda x, weight: x.new_empty(x.shape[0], weight.shape[1]),
    aten.bmm.default: lambda x, weight: x.new_empty(*x.shape[:2], weight.shape[2]),
    aten.baddbmm.default: lambda bias, x, weight, **_: x.new_empty(*x.shape[:2], weight.shape[2]),
    aten.convolution.default: _convolve,
    aten.add.Tensor: _broadcast,
    aten.sub.Tensor: _broadcast,
    aten.mul.Tensor: _broadcast,
    aten.div.Tensor: _broadcast,
    aten.cat.default: _join,
    aten.addcmul.default: lambda x, first, second, **_: _broadcast(_broadcast(first, second), x),
    aten.gelu.default: _like,
    aten.relu.default: _like,
    aten.silu.default: _like,
    aten.roll.default: _like,
    aten.empty_like.default: _like,
    aten._softmax.default: _like,
    aten.mean.dim: _reduce,
    aten.native_layer_norm.default: _layer_norm,
    aten.native_group_norm.default: _group_norm,
    aten.native_batch_norm.default: _batch_norm,
}
