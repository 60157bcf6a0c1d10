"""Share of val images whose class is among the five highest logits, after the last epoch."""

from mlpnas.objectives import Classification
from mlpnas.training.predictions import BEST, Counts, Predictions


class Top5(Classification):
    label = "top-5"
    column = "top5"
    is_proportion = True

    def count(self, batch: Predictions) -> Counts:
        return batch.count_hits(best=BEST)

    def value(self, total: Counts) -> float:
        hits, images = total.tolist()
        return hits / images

    def objection(self, classes: int) -> str:
        return f"of {classes} classes five guesses are always right; take top1" if classes <= BEST else ""
