"""Share of val images whose class is among the five highest logits, after the last epoch."""

from mlpnas.objectives import Candidate


class Top5:
    direction = "maximize"
    unit = "share"
    known = False
    needs_training = True
    extras = ()

    def measure(self, candidate: Candidate) -> float:
        return candidate.trained["top5"]

    def reference(self, limit: float | None) -> float | None:
        return 0.0
