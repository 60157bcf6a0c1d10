"""NASWOT (arXiv:2006.04647, equation 2): how differently the images of a batch switch the activations.

The code of an image is the sign of what goes into every GELU, SiLU and ReLU; the kernel of two images is the number
of units on which their codes agree; the score is log |det kernel|. A network without activations has none.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from mlpnas.nets.network import Network
from mlpnas.objectives._scores import ACTIVATIONS, Instead, Score


class Naswot(Score):
    label = "naswot"

    def score(self, network: Network, inputs: Tensor, loss: Callable[[], Tensor]) -> Tensor:
        count = len(inputs)
        kernel = torch.zeros(count, count, dtype=torch.float64, device=inputs.device)

        def look(activation: object, x: Tensor, *args: object, **kwargs: object) -> Tensor:
            codes = torch.where(x > 0, 1.0, -1.0).reshape(count, -1)
            kernel.add_((codes @ codes.T + codes.shape[1]) / 2)
            return activation(x, *args, **kwargs)  # type: ignore[operator]

        with torch.no_grad(), Instead(dict.fromkeys(ACTIVATIONS, look)):
            network(inputs)
        return torch.linalg.slogdet(kernel).logabsdet
