"""SynFlow (arXiv:2006.05467, section 5), summed over the network: log of the flow through all paths, without data.

All parameters become their absolute values, biases too, as released (a gate that is 1 by its bias stays open). The
network is made linear between them, so that the flow is finite and depends on the weights alone:

- activations pass their input on, which is what a ReLU does with positive numbers;
- norms multiply by their weight: their statistics would divide the flow out again;
- attention takes the mean of all tokens: softmax would make it depend on differences, of which a flow of ones has none.
  The weights of queries and keys therefore count nothing.

Products of two branches (gates) stay products. float64: a flow grows by decades from layer to layer.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from mlpnas.nets.network import Network
from mlpnas.objectives._scores import ACTIVATIONS, Instead, Score, saliency


class Synflow(Score):
    label = "synflow"

    def score(self, network: Network, images: Tensor, labels: Tensor) -> Tensor:
        network.double()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.abs_()
        with Instead(LINEAR):
            flow = network(torch.ones_like(images[:1], dtype=torch.float64)).sum()
        return saliency(flow, network)


def _passed(function: object, x: Tensor, *args: object, **kwargs: object) -> Tensor:
    return x


def _scaled(function: object, x: Tensor, *args: object, weight: Tensor | None = None, **kwargs: object) -> Tensor:
    return x if weight is None else x * weight


def _scaled_by_channel(
    function: object, x: Tensor, *args: object, weight: Tensor | None = None, **kwargs: object
) -> Tensor:
    return x if weight is None else x * weight.view(-1, *(1,) * (x.ndim - 2))


def _even(function: object, x: Tensor, dim: int = -1, *args: object, **kwargs: object) -> Tensor:
    return torch.full_like(x, 1 / x.shape[dim])


def _mean(function: object, query: Tensor, key: Tensor, value: Tensor, *args: object, **kwargs: object) -> Tensor:
    return value.mean(-2, keepdim=True).expand(*query.shape[:-1], -1)


LINEAR: dict[str, Callable[..., Tensor]] = {
    **dict.fromkeys(ACTIVATIONS, _passed),
    "layer_norm": _scaled,
    "group_norm": _scaled_by_channel,
    "batch_norm": _scaled_by_channel,
    "softmax": _even,
    "scaled_dot_product_attention": _mean,
}
