"""Loading of a foreign state dict: names by a family's map, shapes by views, position tables by interpolation."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from operator import mul

from torch import Tensor

from mlpnas.checkpoints._misfits import some, why
from mlpnas.checkpoints._tables import resize
from mlpnas.checkpoints._tensors import as_weights, plain
from mlpnas.errors import CheckpointError
from mlpnas.nets.network import Network


def fill(network: Network, state: Mapping[str, Tensor], namings: Iterable[Mapping[str, str]], source: str) -> None:
    """Load `state` into `network` under the best matching names.

    Args:
        namings: maps from regular expressions to replacements, applied in order to every name of `state`.
        source: the name of the file in messages.

    Raises:
        CheckpointError: tensors are missing, unknown, of another shape or type, or hold NaN or infinite values.
    """
    own = network.state_dict()
    theirs = min((_rename(state, naming) for naming in namings), key=lambda names: len(names.keys() ^ own.keys()))
    missing = [name for name in own if name not in theirs]
    unknown = [key for name, key in theirs.items() if name not in own]
    if missing or unknown:
        lists = [f"{some(names)} {what}" for names, what in ((missing, "missing"), (unknown, "unknown")) if names]
        raise CheckpointError(
            f"{source}: weights of another network, {', '.join(lists)}; give the model or spec that they belong to"
        )
    has_values = not any(tensor.is_meta for tensor in own.values())  # else only names and shapes are compared
    found = {name: plain(state[key], key, source) if has_values else state[key] for name, key in theirs.items()}
    tensors = {name: _reshape(tensor, network, name, own[name].shape) for name, tensor in found.items()}
    if misfits := {name: tensor for name, tensor in tensors.items() if tensor.shape != own[name].shape}:
        raise CheckpointError(f"{source}: {why(misfits, own, network.spec)}")
    if has_values:
        tensors = {name: as_weights(t, own[name], theirs[name], source) for name, t in tensors.items()}
    network.load_state_dict(tensors)


def fill_exactly(network: Network, state: Mapping[str, Tensor], source: str) -> None:
    """Load `state` into `network`; names and shapes must be equal.

    Raises:
        CheckpointError: they differ, or tensors have another type, NaN or infinite values.
    """
    own = network.state_dict()
    wrong = [name for name in own.keys() | state.keys() if name not in own or name not in state]
    wrong = wrong or [name for name in own if own[name].shape != state[name].shape]
    if wrong:
        raise CheckpointError(f"{source}: weights of another network than the spec's: {some(sorted(wrong))} differ")
    tensors = {name: plain(state[name], name, source) for name in own}
    network.load_state_dict({name: as_weights(t, own[name], name, source) for name, t in tensors.items()})


def _rename(state: Iterable[str], naming: Mapping[str, str]) -> dict[str, str]:
    """Return our name -> name in the file. On a clash the second keeps its own name, so that no tensor gets lost."""
    theirs: dict[str, str] = {}
    for key in state:
        name = key
        for pattern, replacement in naming.items():
            name = re.sub(pattern, replacement, name)
        if name:
            theirs[key if name in theirs else name] = key
    return theirs


def _reshape(tensor: Tensor, network: Network, name: str, shape: Sequence[int]) -> Tensor:
    """Return `tensor` in `shape`, or unchanged if that needs more than a view or a resizing."""
    tensor = resize(tensor, network, name, shape)
    return tensor.reshape(shape) if _has_same_order(tensor.shape, shape) else tensor


def _has_same_order(shape: Sequence[int], other: Sequence[int]) -> bool:
    """Return whether merging, splitting and dropping axes turn one shape into the other, without a transpose."""
    one, two = ([*accumulate(axes, mul, initial=1)] for axes in (shape, other))
    return one[-1] == two[-1] and (set(one) <= set(two) or set(one) >= set(two))
