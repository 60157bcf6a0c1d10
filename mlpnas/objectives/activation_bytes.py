"""Activations of one image that training keeps for the backward pass, declared network."""

from mlpnas.objectives import Candidate, Expense
from mlpnas.units import BYTES


class ActivationBytes(Expense):
    unit = "B"
    label = "training memory"
    format = BYTES

    def measure(self, candidate: Candidate) -> float:
        return candidate.cost.activation_bytes
