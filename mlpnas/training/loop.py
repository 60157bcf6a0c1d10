"""Training of one network. Same seed, same machine, same number of threads: same result."""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from time import monotonic
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.datasets import Dataset
from mlpnas.plugins import find, names
from mlpnas.record import EpochRow
from mlpnas.training.batches import Batches
from mlpnas.training.predictions import BEST, Predictions
from mlpnas.training.recipe import Recipe
from mlpnas.training.schedule import factor
from mlpnas.training.statistics import reestimate
from mlpnas.training.step import TrainStep, autocast

_STEPS_BETWEEN_CHECKS = 10  # reading the loss makes a GPU wait


class Diverged(ArithmeticError):
    """The loss is not a finite number any more."""


class TimeIsUp(TimeoutError):
    """The deadline came before the last epoch."""


class Training:
    """Trains `network` in place, an epoch at a time; what `state` gives lets another process go on from there.

    Args:
        network: on `device` already; images of `size` (height, width) -> logits.
        micro_batch: images at once; smaller ones need less memory, and their gradients are added up to a batch's.
        deadline: in the time of `time.monotonic`.

    Attributes:
        epoch: how many are behind it.
    """

    def __init__(
        self,
        network: nn.Module,
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
        self.network, self.recipe, self.seed, self.trial = network, recipe, seed, trial
        self.device, self.deadline = device, deadline
        self.batches = Batches(data, recipe, size, device)
        self.step = TrainStep(network, recipe, device, micro_batch)
        self.epoch = 0

    def run(self, until: int | None = None) -> Iterator[EpochRow]:
        """Yields a row after every epoch, evaluated on val.

        After the recipe's last epoch `network` holds the weights that it was evaluated with (the average, where the
        recipe has one); before, the schedule is the whole training's.

        Args:
            until: the epoch to stop after; None: the last.

        Raises:
            Diverged, TimeIsUp: after which the network is of no use.
        """
        last = self.recipe.epochs
        while self.epoch < (until or last):
            start = monotonic()
            train_loss = self._epoch(self.epoch + 1)
            self.epoch += 1
            average = self.step.average
            if average and self.epoch == last:
                average.swap()
            with average.applied() if average and self.epoch < last else nullcontext():
                reestimate(self.network, self.batches.sample, self.recipe.precision)
                values = evaluate(self.network, self.batches.val(), self.recipe.precision)
            _check(values["val_loss"], self.epoch)
            rate = self.step.optimizer.rate
            yield EpochRow(self.trial, self.epoch, train_loss, monotonic() - start, rate, values)

    def state(self) -> dict[str, Any]:
        """All that the next epochs depend on, besides the arguments."""
        return {
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "optimizer": self.step.optimizer.state(),
            "average": self.step.average.state() if self.step.average else None,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`; on the same machine the next epochs are those that an uninterrupted training has."""
        self.step.optimizer.restore(state["optimizer"])
        self.network.load_state_dict(state["network"])
        if self.step.average:
            self.step.average.restore(state["average"])
        self.epoch = state["epoch"]

    def _epoch(self, epoch: int) -> float:
        """The mean loss on train."""
        # seeds drop path as well, whatever else drew random numbers since the last epoch
        seed = self.seed * 1_000_003 + epoch
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        self.network.train()
        total = torch.zeros((), device=self.device)
        for number, (images, labels) in enumerate(self.batches.train(generator), 1):
            if monotonic() > self.deadline:
                raise TimeIsUp
            self._set_rate((epoch - 1) * self.batches.steps + number - 1)
            total += self.step(images, labels)
            if number % _STEPS_BETWEEN_CHECKS == 0:
                _check(total.item(), epoch)
        _check(total.item(), epoch)
        return total.item() / self.batches.steps

    def _set_rate(self, step: int) -> None:
        per_epoch = self.batches.steps
        rate = factor(step, self.recipe.epochs * per_epoch, round(self.recipe.warmup_epochs * per_epoch))
        self.step.optimizer.rate = rate * self.recipe.learning_rate


def _check(loss: float, epoch: int) -> None:
    if not abs(loss) < float("inf"):
        raise Diverged(f"loss is {loss} in epoch {epoch}")


@torch.inference_mode()
def evaluate(network: nn.Module, batches: Iterator[tuple[Tensor, Tensor]], precision: str) -> Mapping[str, float]:
    """Return the mean cross-entropy as `val_loss`, and every metric of classifiers in its column."""
    network.eval()
    metrics = [find("objectives", name)() for name in names("objectives")]
    metrics = [metric for metric in metrics if hasattr(metric, "count") and "classify" in metric.tasks]
    loss, images, totals = 0.0, 0, [0] * len(metrics)
    for inputs, labels in batches:
        with autocast(inputs.device.type, precision):
            logits = network(inputs).float()
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
        images += len(labels)
        batch = _predictions(logits, labels)
        totals = [total + metric.count(batch) for total, metric in zip(totals, metrics, strict=True)]
    shares = {metric.column: metric.value(total) for total, metric in zip(totals, metrics, strict=True)}
    return {"val_loss": loss / images, **shares}


def _predictions(logits: Tensor, labels: Tensor) -> Predictions:
    classes = logits.shape[1]
    guesses = logits.topk(min(BEST, classes), dim=1).indices
    return Predictions(classes, labels.cpu().numpy(), guesses.cpu().numpy(), lambda: logits.cpu().numpy())
