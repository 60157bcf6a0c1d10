"""Mean over the classes of val of F1, the harmonic mean of precision and recall, after the last epoch."""

from mlpnas.objectives import Classification
from mlpnas.training.predictions import Counts, Predictions


class MacroF1(Classification):
    label = "macro F1"
    column = "macro_f1"

    def count(self, batch: Predictions) -> Counts:
        return batch.by_class

    def value(self, total: Counts) -> float:
        images, guesses, hits = total
        is_met = images + guesses > 0
        return float((2 * hits[is_met] / (images + guesses)[is_met]).mean())
