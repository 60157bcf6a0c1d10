"""Median seconds of inference of one image: the declared network, deployed, in float32, on the device that trains."""

from statistics import median

from mlpnas.objectives import Candidate, Expense
from mlpnas.units import MILLISECONDS


class Latency(Expense):
    unit = "s"
    label = "latency"
    format = MILLISECONDS
    extras = ("latency_iqr",)

    def measure(self, candidate: Candidate) -> float:
        return median(candidate.timings)
