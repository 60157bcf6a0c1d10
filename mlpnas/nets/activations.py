"""Activations by name."""

from torch import nn

from mlpnas.spec import Activation


def activation(name: Activation) -> nn.Module:
    """Return the module of an activation that has no parameters."""
    return {"none": nn.Identity, "relu": nn.ReLU, "gelu": nn.GELU}[name]()
