"""Largest sum of activations alive at once in inference of one image, declared network."""

from mlpnas.objectives import Candidate, Expense
from mlpnas.units import BYTES


class PeakBytes(Expense):
    unit = "B"
    label = "peak memory"
    format = BYTES

    def measure(self, candidate: Candidate) -> float:
        return candidate.cost.peak_bytes
