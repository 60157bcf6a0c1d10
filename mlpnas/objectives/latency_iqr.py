"""Interquartile range of the seconds that `latency` is the median of: how far to trust it."""

from statistics import quantiles

from mlpnas.objectives import Candidate


class LatencyIqr:
    direction = "minimize"
    unit = "s"
    known = False
    needs_training = False
    extras = ()

    def measure(self, candidate: Candidate) -> float:
        lower, _, upper = quantiles(candidate.timings, n=4)
        return upper - lower

    def reference(self, limit: float | None) -> float | None:
        return None
