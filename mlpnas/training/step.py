"""One step of a training: forward, backward, optimiser, average."""

from typing import Any

import torch
from torch import Tensor, nn

from mlpnas.training.average import Average
from mlpnas.training.optimizer import Optimizer
from mlpnas.training.recipe import Recipe
from mlpnas.training.task import Task


class TrainStep:
    """Trains `network` in place, a batch at a time.

    Args:
        network: on `device` already.
        micro_batch: inputs at once; smaller ones need less memory, and their gradients are added up to a batch's.
    """

    def __init__(
        self, network: nn.Module, task: Task, recipe: Recipe, device: str, micro_batch: int | None = None
    ) -> None:
        self.network, self.task, self.recipe, self.device = network, task, recipe, device
        self.micro_batch = micro_batch or recipe.batch_size
        self.optimizer = Optimizer(network, recipe)
        self.average = Average(network, recipe.ema_decay) if recipe.ema_decay is not None else None

    def __call__(self, inputs: Any, targets: Any) -> Tensor:
        """Take a step and return the mean loss of the batch, ()."""
        loss = torch.zeros((), device=self.device)
        for start in range(0, len(inputs), self.micro_batch):
            part = slice(start, start + self.micro_batch)
            with autocast(self.device, self.recipe.precision):
                share = self.task.loss(self.network, inputs[part], targets[part], self.recipe) / len(inputs)
            share.backward()
            loss += share.detach()
        self.optimizer.step()
        if self.average:
            self.average.update()
        return loss


def autocast(device: str, precision: str) -> torch.autocast:
    """Return the context in which a network computes in `precision`."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16")
