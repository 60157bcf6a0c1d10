"""Gradient norm (arXiv:2101.08134, section 3.1): log of the sum of the Euclidean norms of the weights' gradients."""

from collections.abc import Callable

import torch
from torch import Tensor

from mlpnas.nets.network import Network
from mlpnas.objectives._scores import Score, gradients, matrices


class GradNorm(Score):
    label = "grad_norm"

    def score(self, network: Network, inputs: Tensor, loss: Callable[[], Tensor]) -> Tensor:
        found = gradients(loss(), matrices(network))
        return torch.stack([gradient.norm() for gradient in found]).sum().log()
