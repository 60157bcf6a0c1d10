"""The predictions of a classifier on a batch, for the metrics that count them (mlpnas/objectives). Knows no torch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

BEST = 5  # guesses whose order is known

Counts = NDArray[np.int64] | NDArray[np.float64]


@dataclass(frozen=True)
class Predictions:
    """One batch of an evaluation.

    Attributes:
        classes: how many there are.
        labels: (B,), the right classes.
        guesses: (B, up to 5), the classes with the highest logits, best first.
        logits: returns them, (B, classes), as a copy from the device.
    """

    classes: int
    labels: NDArray[np.int64]
    guesses: NDArray[np.int64]
    logits: Callable[[], NDArray[Any]]

    @cached_property
    def by_class(self) -> NDArray[np.int64]:
        """Return (3, classes): images of each class, guesses of it, right guesses."""
        first = self.guesses[:, 0]
        columns = (self.labels, first, self.labels[first == self.labels])
        return np.stack([np.bincount(column, minlength=self.classes) for column in columns])

    def count_hits(self, best: int) -> NDArray[np.int64]:
        """Return (2,): images whose class is among the `best` first guesses, at most 5, and all images."""
        hits = (self.guesses[:, :best] == self.labels[:, None]).any(axis=1)
        return np.array([hits.sum(), len(hits)])
