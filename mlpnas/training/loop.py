"""Training of one network for a task. Same seed, same machine, same number of threads: same result."""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from math import isfinite
from time import monotonic
from typing import Any

import torch
from torch import nn

from mlpnas.datasets import Dataset
from mlpnas.record import EpochRow
from mlpnas.training.recipe import Recipe
from mlpnas.training.schedule import lr_factor
from mlpnas.training.statistics import reestimate
from mlpnas.training.step import TrainStep, autocast
from mlpnas.training.task import Batch, Task

_STEPS_BETWEEN_CHECKS = 10  # reading the loss makes a GPU wait


class Diverged(ArithmeticError):
    """The loss, or another measured value, is not a finite number any more."""


class TimeIsUp(TimeoutError):
    """The deadline came before the last epoch."""


class Training:
    """Trains `network` in place, an epoch at a time; another process can continue from what `state` returns.

    Args:
        network: on `device` already, for inputs of `size` (height, width).
        micro_batch: inputs at once; smaller ones need less memory, and their gradients are added up to a batch's.
        deadline: in the time of `time.monotonic`.

    Attributes:
        epoch: number of trained epochs.
    """

    def __init__(
        self,
        network: nn.Module,
        task: Task,
        data: Dataset,
        recipe: Recipe,
        *,
        size: tuple[int, int],
        seed: int = 0,
        device: str = "cpu",
        micro_batch: int | None = None,
        deadline: float = float("inf"),
        trial: int = 0,
    ) -> None:
        self.network, self.task, self.recipe, self.seed, self.trial = network, task, recipe, seed, trial
        self.device, self.deadline = device, deadline
        self.batches = task.batches(data, recipe, size, device)
        self.step = TrainStep(network, task, recipe, device, micro_batch)
        self.epoch = 0

    def run(self, until: int | None = None) -> Iterator[EpochRow]:
        """Yield a row after every epoch, evaluated on val.

        After the recipe's last epoch `network` holds the weights that it was evaluated with (the average, where the
        recipe has one). A training that stops before has the same schedule as a full one.

        Args:
            until: the epoch to stop after; None: the last.

        Raises:
            Diverged, TimeIsUp: the network is of no use then.
        """
        last = self.recipe.epochs
        while self.epoch < (until or last):
            start = monotonic()
            train_loss = self._train_epoch(self.epoch + 1)
            self.epoch += 1
            average = self.step.average
            if average and self.epoch == last:
                average.swap()
            with average.applied() if average and self.epoch < last else nullcontext():
                reestimate(self.network, self.batches.sample, self.recipe.precision, self.device)
                values = evaluate(self.network, self.task, self.batches.val(), self.recipe.precision, self.device)
            for name, value in values.items():
                _check(name.removeprefix("val_"), value, self.epoch)
            rate = self.step.optimizer.rate
            yield EpochRow(self.trial, self.epoch, train_loss, monotonic() - start, rate, values)

    def state(self) -> dict[str, Any]:
        """Return all that the next epochs depend on, besides the arguments."""
        return {
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "optimizer": self.step.optimizer.state(),
            "average": self.step.average.state() if self.step.average else None,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`; on the same machine the next epochs are those of an uninterrupted training."""
        self.step.optimizer.restore(state["optimizer"])
        self.network.load_state_dict(state["network"])
        if self.step.average:
            self.step.average.restore(state["average"])
        self.epoch = state["epoch"]

    def _train_epoch(self, epoch: int) -> float:
        """Train an epoch and return the mean loss on train."""
        # seeds drop path as well, whatever else drew random numbers since the last epoch
        seed = self.seed * 1_000_003 + epoch
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        self.network.train()
        total = torch.zeros((), device=self.device)
        for number, (inputs, targets) in enumerate(self.batches.train(generator), 1):
            if monotonic() > self.deadline:
                raise TimeIsUp
            self._set_rate((epoch - 1) * self.batches.steps + number - 1)
            total += self.step(inputs, targets)
            if number % _STEPS_BETWEEN_CHECKS == 0:
                _check("loss", total.item(), epoch)
        _check("loss", total.item(), epoch)
        return total.item() / self.batches.steps

    def _set_rate(self, step: int) -> None:
        per_epoch = self.batches.steps
        factor = lr_factor(step, self.recipe.epochs * per_epoch, round(self.recipe.warmup_epochs * per_epoch))
        self.step.optimizer.rate = factor * self.recipe.learning_rate


def _check(name: str, value: float, epoch: int) -> None:
    if not isfinite(value):
        raise Diverged(f"{name} is {value} in epoch {epoch}")


@torch.inference_mode()
def evaluate(
    network: nn.Module, task: Task, batches: Iterator[Batch], precision: str, device: str = "cpu"
) -> Mapping[str, float]:
    """Return what the task measures on `batches`, which are on `device`, by column of the epochs table."""
    network.eval()
    with autocast(device, precision):
        return task.evaluate(network, batches)
