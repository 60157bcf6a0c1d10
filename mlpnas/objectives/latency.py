"""Median seconds of inference of one image: the declared network, deployed, in float32, on the device that trains."""

from statistics import median

from mlpnas.objectives import Candidate


class Latency:
    direction = "minimize"
    unit = "s"
    known = False
    needs_training = False
    extras = ("latency_iqr",)

    def measure(self, candidate: Candidate) -> float:
        return median(candidate.timings)

    def reference(self, limit: float | None) -> float | None:
        return limit
