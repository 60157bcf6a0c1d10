"""SNIP (arXiv:1810.02340, equation 5), summed over the network: log of the sum of |weight * gradient of the loss|."""

import torch.nn.functional as F
from torch import Tensor

from mlpnas.nets.network import Network
from mlpnas.objectives._scores import Score, saliency


class Snip(Score):
    label = "snip"

    def score(self, network: Network, images: Tensor, labels: Tensor) -> Tensor:
        return saliency(F.cross_entropy(network(images), labels), network)
