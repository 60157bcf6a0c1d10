"""Share of val images whose class has the highest logit, after the last epoch."""

from mlpnas.objectives import Candidate


class Top1:
    direction = "maximize"
    unit = "share"
    known = False
    needs_training = True
    extras = ()

    def measure(self, candidate: Candidate) -> float:
        return candidate.trained["top1"]

    def reference(self, limit: float | None) -> float | None:
        return 0.0
