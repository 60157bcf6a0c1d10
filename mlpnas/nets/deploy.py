"""Structural re-parameterisation: the form that a trained network takes where it is used."""

from copy import deepcopy
from dataclasses import replace
from typing import Protocol, runtime_checkable

from torch import nn

from mlpnas.nets.network import Network
from mlpnas.plugins import find
from mlpnas.spec import ArchSpec, Layer, Stage


@runtime_checkable
class Reparameterised(Protocol):
    """A module with a second form that computes the same in eval mode, on the same device and in the same type."""

    def deployed(self) -> nn.Module:
        """Return the second form."""
        ...


def deploy(module: nn.Module) -> nn.Module:
    """Return a copy in eval mode that computes the same with fewer layers: RepMLP's convolutions become its matrix.

    Every module inside that has a method `deployed` is replaced by what that returns; the others stay. The `spec` of a
    network changes with it, so that it can be built and costed in this form.
    """
    return _replace(deepcopy(module)).eval()


def _replace(module: nn.Module) -> nn.Module:
    if isinstance(module, Reparameterised):
        return module.deployed()
    for name, child in module.named_children():
        setattr(module, name, _replace(child))
    if isinstance(module, Network):
        module.spec = deploy_spec(module.spec)
    return module


def deploy_spec(spec: ArchSpec) -> ArchSpec:
    """Return the architecture of `deploy(build(spec))`; `spec` itself if nothing in it can be re-parameterised."""
    return replace(spec, stages=tuple(map(_deploy_stage, spec.stages)))


def _deploy_stage(stage: Stage) -> Stage:
    option = getattr(find("mixers", stage.mixer.name), "reparameterised", None)
    if option is None:
        return stage
    return replace(stage, mixer=Layer.of(stage.mixer.name, **(dict(stage.mixer.options) | {option: True})))
