"""Share of val images whose class has the highest logit, after the last epoch."""

from mlpnas.objectives import Classification
from mlpnas.training.predictions import Counts, Predictions


class Top1(Classification):
    label = "top-1"
    column = "top1"
    is_proportion = True

    def count(self, batch: Predictions) -> Counts:
        return batch.count_hits(best=1)

    def value(self, total: Counts) -> float:
        hits, images = total.tolist()
        return hits / images
