"""Zen-score (arXiv:2102.01063, algorithm 1): how much the features change with the input, without data.

As in the paper: weights from N(0, 1), residual connections taken out, the features of the last stage before pooling,
and log of the mean change plus, for each norm, log of the deviation that it divided by, which it would hide otherwise.
The paper has batch norms alone; here the deviation is of what the norm at hand takes its statistics of: the channels
of a token (layer norm), an image (group norm), a channel (batch norm); root of the mean variance in each case.
float64: without norms the features grow by decades from layer to layer.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from mlpnas.nets.branches import Residual
from mlpnas.nets.network import Network
from mlpnas.objectives._scores import Instead, Score

_CHANGE = 0.01
_IMAGES = 16  # as released


class Zen(Score):
    label = "zen"

    def score(self, network: Network, inputs: Tensor, loss: Callable[[], Tensor]) -> Tensor:
        _prepare_as_in_the_paper(network)
        clean, noise = (torch.randn(_IMAGES, *inputs.shape[1:]).to(inputs.device, torch.float64) for _ in range(2))
        divided: list[Tensor] = []
        with torch.no_grad():
            with Instead({name: partial(_record_deviation, divided, rows) for name, rows in _ROWS.items()}):
                features = network.forward_features(clean)[-1]
            change = network.forward_features(clean + _CHANGE * noise)[-1] - features
        return change.flatten(1).norm(dim=1).mean().log() + sum(divided)


def _prepare_as_in_the_paper(network: Network) -> None:
    network.double()
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter)
        else:
            nn.init.constant_(parameter, name.endswith("weight"))
    for module in network.modules():
        if isinstance(module, Residual):
            module.forward = partial(_branch, module)  # type: ignore[method-assign]


def _branch(block: Residual, x: Tensor) -> Tensor:
    return block.scale(block.body(block.norm(x)))


Rows = Callable[[Tensor, object], Tensor]
_ROWS: dict[str, Rows] = {
    "layer_norm": lambda x, shape: x.flatten(-len(shape)),  # type: ignore[arg-type]
    "group_norm": lambda x, groups: x.unflatten(1, (groups, -1)).flatten(2),
    "batch_norm": lambda x, _: x.transpose(0, 1).flatten(1),
}


def _record_deviation(
    divided: list[Tensor], rows: Rows, norm: object, x: Tensor, over: object, *args: object, **kwargs: object
) -> Tensor:
    divided.append(rows(x, over).var(-1, correction=0).mean().log() / 2)
    return norm(x, over, *args, **kwargs)  # type: ignore[operator]
