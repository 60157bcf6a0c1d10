"""The state of an unfinished training as bytes in a file, so that any process can continue it later."""

import warnings
from collections.abc import Iterator, Mapping
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mlpnas.remote import read_bytes

if TYPE_CHECKING:
    from mlpnas.training.loop import Training

_MARK = b"mlpnas training state, sha256 "
_DIGITS = 64


class Unusable(ValueError):
    """The training state cannot be continued; the message says why."""


def dumps(state: Mapping[str, Any]) -> bytes:
    """Return what `Training.state` returned as bytes, after a digest by which damage is noticed."""
    content = BytesIO()
    torch.save(dict(state), content)
    return _MARK + sha256(content.getvalue()).hexdigest().encode() + b"\n" + content.getvalue()


def restore(training: "Training", target: str, until: int) -> None:
    """Let a new training continue from the state in a file, by path or URI.

    Args:
        until: the epoch up to which it will be trained.

    Raises:
        Unusable: the state is damaged or of another training. `training` may be half restored then and is of no use.
    """
    try:
        content = read_bytes(target)
    except OSError:
        raise Unusable("cannot be read") from None
    has_digest, content = content.startswith(_MARK), _intact(content)
    skeleton = _skeleton(training.state())
    try:
        with warnings.catch_warnings(action="ignore"):  # of what is damaged, which is said below
            state = torch.load(BytesIO(content), map_location=training.device, weights_only=True)
        if _skeleton(state) != skeleton:
            raise Unusable("is another network's")
        training.restore(state)
        _check(training, until)
    except Unusable:
        raise
    except Exception:  # torch says it in dozens of ways
        raise Unusable("is damaged" if has_digest else "is damaged, or of an earlier version") from None


def _intact(content: bytes) -> bytes:
    """Return what `dumps` wrote after the digest; states of earlier versions have no digest."""
    if not content.startswith(_MARK):
        return content
    digest, plain = content[len(_MARK) :][:_DIGITS], content[len(_MARK) + _DIGITS + 1 :]
    if sha256(plain).hexdigest().encode() != digest:
        raise Unusable("is damaged")
    return plain


def _check(training: "Training", until: int) -> None:
    if type(training.epoch) is not int or not 0 < training.epoch < until:
        raise Unusable(f"is that of epoch {str(training.epoch)[:20]}, of {until}")
    state = training.state()
    if not all(bool(torch.isfinite(tensor).all()) for tensor in _tensors(state) if tensor.is_floating_point()):
        raise Unusable("holds numbers that are not finite")


def _skeleton(value: Any) -> Any:
    """Return the names in a state, and the shapes and types of its tensors, without the optimiser's.

    An optimiser has no tensors before its first step.
    """
    if isinstance(value, Tensor):
        return value.shape, value.dtype
    if isinstance(value, Mapping):
        return {name: _skeleton(item) for name, item in value.items() if name != "optimizer"}
    return [_skeleton(item) for item in value] if isinstance(value, (list, tuple)) else type(value)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
