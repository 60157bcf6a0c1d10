"""The base of zero-cost scores: they see the network that would be trained, before its training, and one batch.

They are natural logarithms, since they span decades, and higher should be better. Whether it is, mlpnas/audit.py finds
out: it compares them with trained networks.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.overrides import TorchFunctionMode

from mlpnas.nets.network import Network, build
from mlpnas.objectives import Candidate, Objective
from mlpnas.training.task import fit_to_data

ACTIVATIONS = ("gelu", "silu", "relu")
_IMAGES = 64


class Score(Objective):
    """An objective that is measured beside the others and never steers a search by itself."""

    direction = "maximize"
    unit = "score"
    tasks = ("classify",)

    @abstractmethod
    def score(self, network: Network, inputs: Tensor, loss: Callable[[], Tensor]) -> Tensor:
        """Return a number (); the network is this call's own. `loss` computes its mean loss on `inputs`, (B, ...)."""

    def measure(self, candidate: Candidate) -> float:
        """Measure the proxy in float32, as the trial's seed initialises it; NaN if no finite number comes out.

        Raises:
            ValueError: the candidate has no task, no recipe or no data.
        """
        task, data, device = candidate.task, candidate.data, torch.device(candidate.device)
        if task is None or candidate.recipe is None or data is None:
            raise ValueError("a score needs a task, a recipe and data")
        recipe = replace(candidate.recipe, batch_size=_IMAGES, label_smoothing=0.0)
        proxy = recipe.network(fit_to_data(candidate.spec, task, data))
        with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.enable_grad():
            torch.manual_seed(candidate.seed)
            network = build(proxy).to(device)
            batches = task.batches(data, recipe, proxy.image, candidate.device)
            inputs, targets = next(batches.train(Generator().manual_seed(candidate.seed)))
            try:
                value = self.score(
                    network, inputs, lambda: task.loss(network, inputs, targets, recipe) / len(inputs)
                ).item()
            except Exception:  # what goes wrong in a score says nothing about the trial
                return math.nan
        return value if math.isfinite(value) else math.nan


class Instead(TorchFunctionMode):
    """A context in which torch's functions of these names, in modules too, call stand_in(function, *arguments)."""

    def __init__(self, stand_ins: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__()
        self.stand_ins = stand_ins

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        stand_in = self.stand_ins.get(getattr(func, "__name__", ""))
        return stand_in(func, *args, **kwargs or {}) if stand_in else func(*args, **kwargs or {})


def matrices(network: nn.Module) -> list[nn.Parameter]:
    """Return the weights that scores count: what has more than one axis, so no norms and no biases."""
    return [parameter for parameter in network.parameters() if parameter.ndim > 1]


def gradients(goal: Tensor, weights: list[nn.Parameter]) -> tuple[Tensor, ...]:
    """Return the gradient of each weight; 0 where `goal` does not depend on it."""
    return torch.autograd.grad(goal, weights, allow_unused=True, materialize_grads=True)


def saliency(goal: Tensor, network: nn.Module) -> Tensor:
    """Return the logarithm of the sum of |weight * d goal / d weight|."""
    weights = matrices(network)
    pairs = zip(weights, gradients(goal, weights), strict=True)
    return torch.stack([(weight * gradient).abs().sum() for weight, gradient in pairs]).sum().log()
