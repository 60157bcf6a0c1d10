"""Batch norm's statistics for the weights that are evaluated."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mlpnas.training.step import autocast


@torch.no_grad()
def reestimate(network: nn.Module, images: Callable[[], Iterable[Tensor]], precision: str) -> None:
    """Replace the running statistics of every batch norm by the mean over batches of `images`.

    A running mean lags behind weights that change with every step, by so much that a network of one epoch loses a
    fifth of its accuracy; for averaged weights it is that of other weights. Networks without batch norm are left alone
    and `images` are not asked for. Training goes on from the new statistics, which it does not use.
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
    for batch in images():
        with autocast(batch.device.type, precision):
            network(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
