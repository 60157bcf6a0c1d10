"""Mean over the classes of val of the share of their images that is recognised, after the last epoch.

A rare class counts like any other: always guessing one of N classes gets 1 / N.
"""

from mlpnas.objectives import Classification
from mlpnas.training.predictions import Counts, Predictions


class BalancedAccuracy(Classification):
    label = "balanced accuracy"
    column = "balanced_accuracy"

    def count(self, batch: Predictions) -> Counts:
        return batch.by_class

    def value(self, total: Counts) -> float:
        images, _, hits = total
        is_there = images > 0
        return float((hits[is_there] / images[is_there]).mean())
