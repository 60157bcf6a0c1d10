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

    def score(self, network: Network, inputs: Tensor, loss: Callable[[], Tensor]) -> Tensor:
        network.double()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.abs_()
        with Instead(LINEAR):
            flow = network(torch.ones_like(inputs[:1], dtype=torch.float64)).sum()
        return saliency(flow, network)


def _pass_on(function: object, x: Tensor, *args: object, **kwargs: object) -> Tensor:
    return x


def _scale(function: object, x: Tensor, *args: object, weight: Tensor | None = None, **kwargs: object) -> Tensor:
    return x if weight is None else x * weight


def _scale_channels(
    function: object, x: Tensor, *args: object, weight: Tensor | None = None, **kwargs: object
) -> Tensor:
    return x if weight is None else x * weight.view(-1, *(1,) * (x.ndim - 2))


def _attend_evenly(function: object, x: Tensor, dim: int = -1, *args: object, **kwargs: object) -> Tensor:
    return torch.full_like(x, 1 / x.shape[dim])


def _attend_to_mean(
    function: object, query: Tensor, key: Tensor, value: Tensor, *args: object, **kwargs: object
) -> Tensor:
    return value.mean(-2, keepdim=True).expand(*query.shape[:-1], -1)


LINEAR: dict[str, Callable[..., Tensor]] = {
    **dict.fromkeys(ACTIVATIONS, _pass_on),
    "layer_norm": _scale,
    "group_norm": _scale_channels,
    "batch_norm": _scale_channels,
    "softmax": _attend_evenly,
    "scaled_dot_product_attention": _attend_to_mean,
}
