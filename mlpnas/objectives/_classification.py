"""The base of a classifier's metrics: counts that are added up over the batches of val, and a share made of them."""

from abc import abstractmethod

from mlpnas.objectives import Metric
from mlpnas.training.predictions import Counts, Predictions
from mlpnas.units import PERCENT


class Classification(Metric):
    """A share of val, counted by the evaluation after every epoch."""

    direction = "maximize"
    unit = "share"
    format = PERCENT
    tasks = ("classify",)

    @abstractmethod
    def count(self, batch: Predictions) -> Counts:
        """Return counts of a batch, which are added up over all batches."""

    @abstractmethod
    def value(self, total: Counts) -> float:
        """Return the share, made of the sum of all counts."""

    def reference(self, limit: float | None) -> float | None:
        return 0.0
