"""Comparisons with timm's implementation of a published model, the weights under its names."""

from collections.abc import Mapping, Sequence

import timm
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mlpnas.checkpoints._fit import fill
from mlpnas.costs import cost
from mlpnas.nets.network import build
from mlpnas.published import find

Keys = Sequence[Mapping[str, str]]


def check_timm_logits(name: str, timm_name: str, keys: Keys, size: int = 224) -> None:
    """Compare logits in both precisions; `size` in pixels if timm's model takes any."""
    theirs, ours = randomised(timm.create_model(timm_name)), build(find(name).spec.at(size)).eval()
    fill(ours, theirs.state_dict(), keys, timm_name)
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
    fill(ours, theirs.state_dict(), keys, timm_name)
    params = sum(parameter.numel() for parameter in theirs.parameters())
    measured = cost(spec)
    assert (measured.params, measured.macs) == (params, counter.get_total_flops() // 2)


def randomised(model: nn.Module) -> nn.Module:
    """Matrices keep the scale of what goes through them; vectors (norms, biases, LayerScale) move by 0.2."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim > 1:
                parameter.copy_(noise * parameter[0].numel() ** -0.5)
            else:
                parameter.add_(noise, alpha=0.2)
    return model.eval()


def gap(logits: Tensor, expected: Tensor) -> float:
    """Return the largest difference over the largest logit; the expected logits must differ from each other."""
    assert expected.std() > 0.1
    return ((logits - expected).abs().max() / expected.abs().max()).item()
