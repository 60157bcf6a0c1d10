"""A foreign state dict into a network: names by a family's map, shapes by views, position tables by interpolation."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from operator import mul

from torch import Tensor

from mlpnas.checkpoints._misfits import some, why
from mlpnas.checkpoints._tables import resized
from mlpnas.checkpoints._tensors import as_weights, plain
from mlpnas.errors import CheckpointError
from mlpnas.nets.network import Network


def fill(network: Network, state: Mapping[str, Tensor], namings: Iterable[Mapping[str, str]], source: str) -> None:
    """Load `state` into `network`, under the naming that fits best.

    Args:
        namings: maps from regular expressions to replacements, applied in order to every name of `state`.
        source: what the messages call the checkpoint.

    Raises:
        CheckpointError: tensors are missing, left over, of another shape or type, or hold NaN or infinite values.
    """
    own = network.state_dict()
    theirs = min((_renamed(state, naming) for naming in namings), key=lambda names: len(names.keys() ^ own.keys()))
    missing = [name for name in own if name not in theirs]
    unknown = [key for name, key in theirs.items() if name not in own]
    if missing or unknown:
        lists = [f"{some(names)} {what}" for names, what in ((missing, "missing"), (unknown, "unknown")) if names]
        raise CheckpointError(
            f"{source}: weights of another network, {', '.join(lists)}; give the model or spec that they belong to"
        )
    has_values = not any(tensor.is_meta for tensor in own.values())  # else names and shapes alone are compared
    found = {name: plain(state[key], key, source) if has_values else state[key] for name, key in theirs.items()}
    tensors = {name: _shaped(tensor, network, name, own[name].shape) for name, tensor in found.items()}
    if misfits := {name: tensor for name, tensor in tensors.items() if tensor.shape != own[name].shape}:
        raise CheckpointError(f"{source}: {why(misfits, own, network.spec)}")
    if has_values:
        tensors = {name: as_weights(t, own[name], theirs[name], source) for name, t in tensors.items()}
    network.load_state_dict(tensors)


def fill_exactly(network: Network, state: Mapping[str, Tensor], source: str) -> None:
    """Load `state` into `network`, whose names and shapes it has.

    Raises:
        CheckpointError: it has others, or tensors of another type, or NaN or infinite values.
    """
    own = network.state_dict()
    wrong = [name for name in own.keys() | state.keys() if name not in own or name not in state]
    wrong = wrong or [name for name in own if own[name].shape != state[name].shape]
    if wrong:
        raise CheckpointError(f"{source}: weights of another network than the spec's: {some(sorted(wrong))} differ")
    tensors = {name: plain(state[name], name, source) for name in own}
    network.load_state_dict({name: as_weights(t, own[name], name, source) for name, t in tensors.items()})


def _renamed(state: Iterable[str], naming: Mapping[str, str]) -> dict[str, str]:
    """Their name by ours. Where two would become one, the second keeps its own, so that no tensor gets lost."""
    theirs: dict[str, str] = {}
    for key in state:
        name = key
        for pattern, replacement in naming.items():
            name = re.sub(pattern, replacement, name)
        if name:
            theirs[key if name in theirs else name] = key
    return theirs


def _shaped(tensor: Tensor, network: Network, name: str, shape: Sequence[int]) -> Tensor:
    """`tensor` in `shape`, or as it is where more than a view or a resizing would be needed."""
    tensor = resized(tensor, network, name, shape)
    return tensor.reshape(shape) if _same_order(tensor.shape, shape) else tensor


def _same_order(shape: Sequence[int], other: Sequence[int]) -> bool:
    """Whether merging, splitting and dropping axes lead from one to the other; a transpose does not count."""
    one, two = ([*accumulate(axes, mul, initial=1)] for axes in (shape, other))
    return one[-1] == two[-1] and (set(one) <= set(two) or set(one) >= set(two))
