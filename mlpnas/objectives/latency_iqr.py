"""Interquartile range of the seconds that `latency` is the median of: how far to trust it."""

from statistics import quantiles

from mlpnas.objectives import Candidate, Objective
from mlpnas.units import MILLISECONDS


class LatencyIqr(Objective):
    unit = "s"
    label = "latency iqr"
    format = MILLISECONDS

    def measure(self, candidate: Candidate) -> float:
        lower, _, upper = quantiles(candidate.timings, n=4)
        return upper - lower
