"""For comparisons with another implementation of a network: its weights, randomised, under our names."""

import re
from collections.abc import Mapping

import timm
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mlpnas.costs import cost
from mlpnas.nets.network import Network, build
from mlpnas.published import find

Keys = Mapping[str, str]


def check_timm_logits(name: str, timm_name: str, keys: Keys, size: int = 224) -> None:
    """In both precisions; `size` in pixels where timm's model takes any."""
    theirs, ours = randomised(timm.create_model(timm_name)), build(find(name).spec.at(size)).eval()
    load(ours, theirs.state_dict(), keys)
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert gap(ours(images), theirs(images)) < 1e-5
        assert gap(ours.double()(images.double()), theirs.double()(images.double())) < 1e-10


def check_timm_names_and_counts(name: str, timm_name: str, keys: Keys) -> None:
    spec = find(name).spec
    with torch.device("meta"):
        theirs, ours = timm.create_model(timm_name).eval(), build(spec)
        with FlopCounterMode(display=False) as counter:
            theirs(torch.empty(1, 3, *spec.image))
    sizes = {renamed(key, keys): tensor.numel() for key, tensor in theirs.state_dict().items()}
    assert sizes == {key: tensor.numel() for key, tensor in ours.state_dict().items()}
    measured = cost(spec)
    assert (measured.params, measured.macs) == (sum(sizes.values()), counter.get_total_flops() // 2)


def randomised(model: nn.Module) -> nn.Module:
    """Matrices keep the scale of what goes through them; vectors (norms, biases, LayerScale) move by 0.2."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.squeeze().ndim > 1:
                parameter.copy_(noise * parameter[0].numel() ** -0.5)
            else:
                parameter.add_(noise, alpha=0.2)
    return model.eval()


def load(network: Network, state: Mapping[str, Tensor], keys: Keys) -> None:
    """Loads all of another implementation's weights into ours; shapes may differ where the order does not."""
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    ours = {renamed(name, keys): tensor for name, tensor in state.items()}
    network.load_state_dict({name: tensor.reshape(shapes[name]) for name, tensor in ours.items()})


def renamed(name: str, keys: Keys) -> str:
    for pattern, ours in keys.items():
        name = re.sub(pattern, ours, name)
    return name


def gap(logits: Tensor, expected: Tensor) -> float:
    """The largest difference over the largest logit; the expected ones must differ among each other."""
    assert expected.std() > 0.1
    return ((logits - expected).abs().max() / expected.abs().max()).item()
