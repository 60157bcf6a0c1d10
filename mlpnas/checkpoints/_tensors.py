"""Tensors of a file, checked before they become weights: plain, of floats, finite."""

import torch
from torch import Tensor, nn

from mlpnas.errors import CheckpointError
from mlpnas.plain_text import shortened

_FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
_NAMES = ", ".join(str(dtype).removeprefix("torch.") for dtype in _FLOATS)
_LONGEST_NAME = 100


def plain(tensor: Tensor, key: str, source: str) -> Tensor:
    """Return the values of a tensor that has some, without its gradient.

    Args:
        key, source: how the tensor and its file are called in messages.

    Raises:
        CheckpointError: it is sparse, quantised, without values, or of a class of its own.
    """
    if kind := _kind(tensor):
        raise CheckpointError(f"{source}: {shown(key)} is {kind}; save it as an ordinary tensor of numbers")
    return tensor.detach()


def _kind(tensor: Tensor) -> str:
    """What keeps a tensor from being an ordinary one."""
    if tensor.is_meta:
        return "a tensor without values (on the device meta)"
    if tensor.is_quantized:
        return f"quantised ({tensor.dtype})"
    if tensor.is_nested or tensor.layout is not torch.strided:
        return "nested" if tensor.is_nested else "sparse"
    return "" if type(tensor) in (Tensor, nn.Parameter) else f"a {type(tensor).__name__}"


def as_weights(tensor: Tensor, own: Tensor, key: str, source: str) -> Tensor:
    """Return a tensor in the type of the network's `own`, which has its shape.

    Raises:
        CheckpointError: it holds whole numbers, truth values or complex numbers where floats belong, or the other way
            round; or numbers that are not finite in this type.
    """
    is_float = tensor.dtype in _FLOATS
    if is_float != own.is_floating_point() or tensor.is_complex() or tensor.dtype is torch.bool:
        wanted = _NAMES if own.is_floating_point() else "int64"
        found = str(tensor.dtype).removeprefix("torch.")
        raise CheckpointError(f"{source}: {shown(key)} is of type {found}; what belongs there is {wanted}")
    values = tensor.to(own.dtype)
    if wrong := values.numel() - int(torch.isfinite(values).sum()):
        raise CheckpointError(
            f"{source}: {wrong:,} of the {values.numel():,} values of {shown(key)} are NaN or infinite; the training "
            "that it comes from has diverged, or the file is damaged"
        )
    return values


def shown(key: str) -> str:
    """The name of a tensor in a message."""
    return shortened(key, _LONGEST_NAME)
