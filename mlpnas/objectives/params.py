"""Learned numbers of the declared network."""

from mlpnas.objectives import Candidate, Expense
from mlpnas.units import PARAMS


class Params(Expense):
    unit = "params"
    label = "params"
    format = PARAMS

    def measure(self, candidate: Candidate) -> float:
        return candidate.cost.params
