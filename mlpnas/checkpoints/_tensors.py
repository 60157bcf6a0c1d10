"""Checks of a file's tensors before they become weights: ordinary, of floats, finite."""

import torch
from torch import Tensor, nn

from mlpnas.errors import CheckpointError
from mlpnas.plain_text import shortened

_FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
_NAMES = ", ".join(str(dtype).removeprefix("torch.") for dtype in _FLOATS)
_LONGEST_NAME = 100


def plain(tensor: Tensor, key: str, source: str) -> Tensor:
    """Return an ordinary tensor without its gradient.

    Args:
        key, source: the names of the tensor and its file in messages.

    Raises:
        CheckpointError: it is sparse, quantised, without values, or of another class.
    """
    if kind := _kind(tensor):
        raise CheckpointError(f"{source}: {show(key)} is {kind}; save it as an ordinary tensor of numbers")
    return tensor.detach()


def _kind(tensor: Tensor) -> str:
    """Return why a tensor is no ordinary one; "" if it is."""
    if tensor.is_meta:
        return "a tensor without values (on the device meta)"
    if tensor.is_quantized:
        return f"quantised ({tensor.dtype})"
    if tensor.is_nested or tensor.layout is not torch.strided:
        return "nested" if tensor.is_nested else "sparse"
    return "" if type(tensor) in (Tensor, nn.Parameter) else f"a {type(tensor).__name__}"


def as_weights(tensor: Tensor, own: Tensor, key: str, source: str) -> Tensor:
    """Return a tensor in the type of the network's `own`, which has the same shape.

    Raises:
        CheckpointError: it holds floats where whole numbers belong or the other way round, or values that are not
            finite in this type.
    """
    is_float = tensor.dtype in _FLOATS
    if is_float != own.is_floating_point() or tensor.is_complex() or tensor.dtype is torch.bool:
        wanted = _NAMES if own.is_floating_point() else "int64"
        found = str(tensor.dtype).removeprefix("torch.")
        raise CheckpointError(f"{source}: {show(key)} is of type {found}; what belongs there is {wanted}")
    values = tensor.to(own.dtype)
    if wrong := values.numel() - int(torch.isfinite(values).sum()):
        raise CheckpointError(
            f"{source}: {wrong:,} of the {values.numel():,} values of {show(key)} are NaN or infinite; the training "
            "that it comes from has diverged, or the file is damaged"
        )
    return values


def show(key: str) -> str:
    """Return a tensor's name as messages write it."""
    return shortened(key, _LONGEST_NAME)
