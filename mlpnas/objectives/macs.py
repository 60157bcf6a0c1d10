"""Multiply-accumulates of one image through the declared network."""

from mlpnas.objectives import Candidate


class Macs:
    direction = "minimize"
    unit = "MACs"
    known = True
    needs_training = False
    extras = ()

    def measure(self, candidate: Candidate) -> float:
        return candidate.cost.macs

    def reference(self, limit: float | None) -> float | None:
        return limit
