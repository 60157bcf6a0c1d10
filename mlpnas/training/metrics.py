"""What an evaluation finds out: the loss, and how often the right class was guessed, counted in several ways."""

from collections.abc import Mapping

import torch
from torch import Tensor

_TOP = 5


def guesses(logits: Tensor) -> Tensor:
    """Return the classes with the highest logits, best first; (B, classes) -> (B, up to 5)."""
    return logits.topk(min(_TOP, logits.shape[1]), dim=1).indices


def metrics(guessed: Tensor, labels: Tensor, classes: int) -> Mapping[str, float]:
    """Return the shares that objectives of accuracy are made of, by the objective's name.

    Args:
        guessed: (N, up to 5), the classes with the highest logits, best first. labels: (N,).
    """
    first = guessed[:, 0]
    right = first == labels
    there, told = (which.bincount(minlength=classes).double() for which in (labels, first))
    hits = labels[right].bincount(minlength=classes).double()
    is_there, is_met = there > 0, there + told > 0
    return {
        "top1": int(right.sum()) / len(labels),
        "top5": int((guessed == labels[:, None]).sum()) / len(labels),
        "balanced_accuracy": float((hits[is_there] / there[is_there]).mean()),
        "macro_f1": float((2 * hits[is_met] / (there + told)[is_met]).mean()),
    }


def concatenated(parts: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Return guesses and labels of all batches, on the CPU."""
    guessed, labels = (torch.cat(tensors).cpu() for tensors in zip(*parts, strict=True))
    return guessed, labels
