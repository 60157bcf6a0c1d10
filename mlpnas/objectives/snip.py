"""SNIP (arXiv:1810.02340, equation 5), summed over the network: log of the sum of |weight * gradient of the loss|."""

from collections.abc import Callable

from torch import Tensor

from mlpnas.nets.network import Network
from mlpnas.objectives._scores import Score, saliency


class Snip(Score):
    label = "snip"

    def score(self, network: Network, inputs: Tensor, loss: Callable[[], Tensor]) -> Tensor:
        return saliency(loss(), network)
