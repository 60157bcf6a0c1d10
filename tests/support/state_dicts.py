"""State dicts and checkpoint files for tests."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mlpnas import build
from mlpnas.spec import ArchSpec

State = dict[str, Tensor]


def state_of(spec: ArchSpec) -> State:
    """Return our state dict with distinct tensors."""
    return {name: tensor.clone() for name, tensor in shaken(build(spec)).state_dict().items()}


def shaken(model: nn.Module) -> nn.Module:
    """Set every weight to random values, because initial ones hide mistakes: zeros, ones, equal tables."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.1, generator=generator)
    return model


def saved(data: Any, file: Path) -> Path:
    save_file(data, file) if file.suffix == ".safetensors" else torch.save(data, file)
    return file


def same(network: nn.Module, state: State) -> bool:
    own = network.state_dict()
    return own.keys() == state.keys() and all(torch.equal(own[name], state[name]) for name in own)
