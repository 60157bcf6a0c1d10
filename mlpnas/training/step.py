"""One step of a training: forward, backward, optimiser, average."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.training.average import Average
from mlpnas.training.optimizer import Optimizer
from mlpnas.training.recipe import Recipe


class TrainStep:
    """Trains `network` in place, a batch at a time.

    Args:
        network: on `device` already.
        micro_batch: images at once; smaller ones need less memory, and their gradients are added up to a batch's.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, device: str, micro_batch: int | None = None) -> None:
        self.network, self.recipe, self.device = network, recipe, device
        self.micro_batch = micro_batch or recipe.batch_size
        self.optimizer = Optimizer(network, recipe)
        self.average = Average(network, recipe.ema_decay) if recipe.ema_decay is not None else None

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of the batch, ()."""
        loss = torch.zeros((), device=self.device)
        for part, targets in zip(images.split(self.micro_batch), labels.split(self.micro_batch), strict=True):
            with autocast(self.device, self.recipe.precision):
                logits = self.network(part)
            share = F.cross_entropy(
                logits.float(), targets, label_smoothing=self.recipe.label_smoothing, reduction="sum"
            ) / len(images)
            share.backward()
            loss += share.detach()
        self.optimizer.step()
        if self.average:
            self.average.update()
        return loss


def autocast(device: str, precision: str) -> torch.autocast:
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16")
