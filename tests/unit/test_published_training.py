"""Every published model trains: one step at its native size gives a finite loss and every parameter a gradient."""

import pytest
import torch
import torch.nn.functional as F

from mlpnas.nets.network import build
from mlpnas.published import find, find_measured, names
from mlpnas.spec import ArchSpec

_LARGE = 10e9  # MACs; a step on two images is six times as many


def architectures() -> list[object]:
    """Return each network once, under all its names: DeiT and ViT differ only in their training."""
    by_spec: dict[ArchSpec, list[str]] = {}
    for name in names():
        by_spec.setdefault(find(name).spec, []).append(name)
    return [pytest.param(spec, id="-".join(same), marks=marks(same[0])) for spec, same in by_spec.items()]


def marks(name: str) -> list[pytest.MarkDecorator]:
    known = find_measured(name)
    return [pytest.mark.slow] if known and known.macs > _LARGE else []


@pytest.mark.parametrize("spec", architectures())
def test_one_step(spec: ArchSpec) -> None:
    """No parameter is without use: none has a gradient that is 0 throughout."""
    torch.manual_seed(0)
    network = build(spec).train()
    images, labels = torch.randn(2, spec.channels, *spec.image), torch.tensor([0, spec.classes - 1])
    loss = F.cross_entropy(network(images), labels)
    loss.backward()
    assert loss.isfinite()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    assert [name for name, grad in gradients.items() if grad is None or not grad.isfinite().all()] == []
    assert [name for name, grad in gradients.items() if grad is not None and not grad.any()] == []
