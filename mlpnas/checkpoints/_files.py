"""Reading of weights files into state dicts; no code in a file is run."""

import re
import warnings
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from mlpnas.errors import CheckpointError

_TORCH = (".pt", ".pth", ".pth.tar", ".bin")
_WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model")
# plain data that DeiT, Swin and AS-MLP save beside the weights
_SETTINGS: list[Any] = [Namespace, (OrderedDict, "yacs.config.CfgNode")]
_WRAPPED = ("module.", "model.", "_orig_mod.")  # prefixes of DataParallel, Lightning and torch.compile


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name.

    Raises:
        CheckpointError: the file is missing, of another kind, damaged, without a state dict, or could run code.
    """
    data = _read(path)
    inner = [data.get(name) for name in _WRAPPERS] if isinstance(data, dict) else []
    for state in (data, *inner):
        if _is_state_dict(state):
            return _unwrap(state)
    raise CheckpointError(f"{path}: no state dict in it, neither bare nor under {', '.join(_WRAPPERS)}")


def _unwrap(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors without the prefixes of wrappers, however many there are."""
    state = {name.replace("._orig_mod.", "."): tensor for name, tensor in state.items()}  # inside a compiled part
    while prefix := next((word for word in _WRAPPED if all(name.startswith(word) for name in state)), ""):
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state


def _is_state_dict(data: Any) -> bool:
    return (
        isinstance(data, Mapping)
        and len(data) > 0
        and all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in data.items())
    )


def _read(path: Path) -> Any:
    if not path.name.endswith((".safetensors", *_TORCH)):
        raise CheckpointError(f"{path}: no checkpoint by its name; it must end in .safetensors, {', '.join(_TORCH)}")
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; give the path of a checkpoint")
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_SETTINGS):
            warnings.simplefilter("ignore")  # our own error says what is wrong
            if path.suffix == ".safetensors":
                return load_file(path)
            return torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from None
    except UnpicklingError as error:
        if foreign := sorted(set(re.findall(r"GLOBAL (\S+)", str(error)))):
            raise CheckpointError(
                f"{path}: holds other objects than tensors ({', '.join(foreign)}), which can run code when read and "
                "are refused; where it comes from, save its state dict alone: "
                "safetensors.torch.save_file(state_dict, 'weights.safetensors')"
            ) from None
        raise _unreadable(path) from error
    except Exception as error:  # the readers raise errors of any class for a damaged file
        raise _unreadable(path) from error


def _unreadable(path: Path) -> CheckpointError:
    return CheckpointError(f"{path}: cannot be read; the file is damaged, or something else than a checkpoint")
