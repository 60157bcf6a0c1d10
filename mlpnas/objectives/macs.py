"""Multiply-accumulates of one image through the declared network."""

from mlpnas.objectives import Candidate, Expense
from mlpnas.units import MACS


class Macs(Expense):
    unit = "MACs"
    label = "MACs"
    format = MACS

    def measure(self, candidate: Candidate) -> float:
        return candidate.cost.macs
