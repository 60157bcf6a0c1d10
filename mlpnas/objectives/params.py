"""Learned numbers of the declared network."""

from mlpnas.objectives import Candidate


class Params:
    direction = "minimize"
    unit = "params"
    known = True
    needs_training = False
    extras = ()

    def measure(self, candidate: Candidate) -> float:
        return candidate.cost.params

    def reference(self, limit: float | None) -> float | None:
        return limit
