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
    """A module with a second form, on the same device and in the same type, that computes the same in eval mode."""

    def deployed(self) -> nn.Module: ...


def deploy(module: nn.Module) -> nn.Module:
    """A copy in eval mode that computes the same with fewer layers: RepMLP's convolutions fold into its matrix.

    Every module inside that has a method `deployed` is replaced by what that returns; others stay as they are. The
    `spec` of a network follows, so it can be built and costed in this form.
    """
    return _replaced(deepcopy(module)).eval()


def _replaced(module: nn.Module) -> nn.Module:
    if isinstance(module, Reparameterised):
        return module.deployed()
    for name, child in module.named_children():
        setattr(module, name, _replaced(child))
    if isinstance(module, Network):
        module.spec = deployed(module.spec)
    return module


def deployed(spec: ArchSpec) -> ArchSpec:
    """The architecture of `deploy(build(spec))`; `spec` itself where nothing in it can be re-parameterised."""
    return replace(spec, stages=tuple(map(_deployed, spec.stages)))


def _deployed(stage: Stage) -> Stage:
    option = getattr(find("mixers", stage.mixer.name), "reparameterised", None)
    if option is None:
        return stage
    return replace(stage, mixer=Layer.of(stage.mixer.name, **(dict(stage.mixer.options) | {option: True})))
