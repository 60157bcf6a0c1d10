"""Batch norm's statistics for the weights that are evaluated."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mlpnas.training.step import autocast


@torch.no_grad()
def reestimate(network: nn.Module, inputs: Callable[[], Iterable[Any]], precision: str, device: str = "cpu") -> None:
    """Replace the running statistics of every batch norm by the mean over batches of `inputs`, on `device`.

    A running mean is that of earlier weights, which costs a network of one epoch a fifth of its accuracy, and it is not
    that of averaged weights. A network without batch norm is not changed, and `inputs` is not called. A training
    continues with the new statistics, which it does not use.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    if not norms:
        return
    network.eval()  # drop path stays off
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches counts each alike
    for batch in inputs():
        with autocast(device, precision):
            network(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
