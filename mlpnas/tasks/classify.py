"""Telling classes apart: cross-entropy, and the shares of right guesses."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.datasets import Dataset, Survey
from mlpnas.objectives import Classification
from mlpnas.plugins import find, names
from mlpnas.spec import ArchSpec, Layer
from mlpnas.training.batches import ImageBatches
from mlpnas.training.predictions import BEST, Predictions
from mlpnas.training.recipe import Recipe

ImagesAndLabels = tuple[Tensor, Tensor]


class Classify:
    """One class per image; see training.task.Task."""

    name = "classify"
    metrics = ("top1", "loss")
    head = Layer("classifier")

    def outputs(self, data: Dataset | Survey) -> int:
        return len(data.classes)

    def batches(self, data: Dataset, recipe: Recipe, size: tuple[int, int], device: str) -> ImageBatches:
        return ImageBatches(data, recipe, size, device)

    def example(self, spec: ArchSpec, count: int, device: str) -> ImagesAndLabels:
        images = torch.randn(count, spec.channels, *spec.image, device=device)
        return images, torch.zeros(count, dtype=torch.long, device=device)

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor, recipe: Recipe) -> Tensor:
        logits = network(inputs).float()
        return F.cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing, reduction="sum")

    def evaluate(self, network: nn.Module, batches: Iterator[ImagesAndLabels]) -> Mapping[str, float]:
        """Return the mean cross-entropy, and every metric of classifiers in its column."""
        metrics = list(_metrics())
        loss, images = 0.0, 0
        totals: list[Any] = [0] * len(metrics)
        for inputs, labels in batches:
            logits = network(inputs).float()
            loss += F.cross_entropy(logits, labels, reduction="sum").item()
            images += len(labels)
            batch = _predictions(logits, labels)
            totals = [total + metric.count(batch) for total, metric in zip(totals, metrics, strict=True)]
        shares = {metric.column: metric.value(total) for total, metric in zip(totals, metrics, strict=True)}
        return {"val_loss": loss / images, **shares}


def _metrics() -> Iterator[Classification]:
    """Yield the objectives that count predictions."""
    for name in names("objectives"):
        objective = find("objectives", name)
        if hasattr(objective, "count") and Classify.name in objective.tasks:
            yield objective()


def _predictions(logits: Tensor, labels: Tensor) -> Predictions:
    classes = logits.shape[1]
    guesses = logits.topk(min(BEST, classes), dim=1).indices
    return Predictions(classes, labels.cpu().numpy(), guesses.cpu().numpy(), lambda: logits.cpu().numpy())
