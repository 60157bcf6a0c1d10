"""Largest sum of activations alive at once in inference of one image, declared network."""

from mlpnas.objectives import Candidate


class PeakBytes:
    direction = "minimize"
    unit = "B"
    known = True
    needs_training = False
    extras = ()

    def measure(self, candidate: Candidate) -> float:
        return candidate.cost.peak_bytes

    def reference(self, limit: float | None) -> float | None:
        return limit
