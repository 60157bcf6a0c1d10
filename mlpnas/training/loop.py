"""Training of one network. Same seed, same machine, same number of threads: same result."""

from collections.abc import Iterator
from contextlib import nullcontext
from time import monotonic

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.datasets import Dataset
from mlpnas.record import EpochRow
from mlpnas.training.average import Average
from mlpnas.training.batches import Batches
from mlpnas.training.recipe import Recipe
from mlpnas.training.schedule import factor

_STEPS_BETWEEN_CHECKS = 10  # reading the loss makes a GPU wait


class Diverged(ArithmeticError):
    """The loss is not a finite number any more."""


class TimeIsUp(TimeoutError):
    """The deadline came before the last epoch."""


def train(
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
) -> Iterator[EpochRow]:
    """Trains in place; yields a row after every epoch, evaluated on val.

    At the end `network` holds the weights that the last row was evaluated with (the average, where the recipe has one).

    Args:
        network: on `device` already; images of `size` (height, width) -> logits.
        micro_batch: images at once; smaller ones need less memory, and their gradients are added up to a batch's.
        deadline: in the time of `time.monotonic`.

    Raises:
        Diverged, TimeIsUp: after which the network is of no use.
    """
    return _Training(network, data, recipe, size, seed, device, micro_batch or recipe.batch_size, deadline, trial).run()


class _Training:
    def __init__(
        self,
        network: nn.Module,
        data: Dataset,
        recipe: Recipe,
        size: tuple[int, int],
        seed: int,
        device: str,
        micro_batch: int,
        deadline: float,
        trial: int,
    ) -> None:
        self.network, self.recipe, self.seed, self.trial = network, recipe, seed, trial
        self.device, self.micro_batch, self.deadline = device, micro_batch, deadline
        self.batches = Batches(data, recipe, size, device)
        self.optimizer = _optimizer(network, recipe)
        self.average = Average(network, recipe.ema_decay) if recipe.ema_decay is not None else None
        self.step = 0

    def run(self) -> Iterator[EpochRow]:
        for epoch in range(1, self.recipe.epochs + 1):
            start = monotonic()
            train_loss = self._epoch(epoch)
            if self.average and epoch == self.recipe.epochs:
                self.average.swap()
            with self.average.applied() if self.average and epoch < self.recipe.epochs else nullcontext():
                val_loss, top1 = evaluate(self.network, self.batches.val(), self.recipe.precision)
            _check(val_loss, epoch)
            rate = self.optimizer.param_groups[0]["lr"]
            yield EpochRow(self.trial, epoch, train_loss, val_loss, top1, monotonic() - start, rate)

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
            total += self._step(images, labels)
            if number % _STEPS_BETWEEN_CHECKS == 0:
                _check(total.item(), epoch)
        _check(total.item(), epoch)
        return total.item() / self.batches.steps

    def _step(self, images: Tensor, labels: Tensor) -> Tensor:
        self._set_rate()
        loss = torch.zeros((), device=self.device)
        for part, targets in zip(images.split(self.micro_batch), labels.split(self.micro_batch), strict=True):
            with autocast(self.device, self.recipe.precision):
                logits = self.network(part)
            share = F.cross_entropy(
                logits.float(), targets, label_smoothing=self.recipe.label_smoothing, reduction="sum"
            ) / len(images)
            share.backward()
            loss += share.detach()
        if self.recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average:
            self.average.update()
        self.step += 1
        return loss

    def _set_rate(self) -> None:
        per_epoch = self.batches.steps
        rate = factor(self.step, self.recipe.epochs * per_epoch, round(self.recipe.warmup_epochs * per_epoch))
        for group in self.optimizer.param_groups:
            group["lr"] = rate * self.recipe.learning_rate


def _check(loss: float, epoch: int) -> None:
    if not abs(loss) < float("inf"):
        raise Diverged(f"loss is {loss} in epoch {epoch}")


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    decayed = [parameter for parameter in parameters if parameter.ndim > 1]
    vectors = [parameter for parameter in parameters if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=recipe.learning_rate, fused=True)


def autocast(device: str, precision: str) -> torch.autocast:
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16")


@torch.inference_mode()
def evaluate(network: nn.Module, batches: Iterator[tuple[Tensor, Tensor]], precision: str) -> tuple[float, float]:
    """(mean cross-entropy, share of images whose class has the highest logit)."""
    network.eval()
    loss, right, count = 0.0, 0, 0
    for images, labels in batches:
        with autocast(images.device.type, precision):
            logits = network(images).float()
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
        right += int((logits.argmax(1) == labels).sum())
        count += len(labels)
    return loss / count, right / count
