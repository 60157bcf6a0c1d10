"""Mean over the classes of val of F1, the harmonic mean of precision and recall, after the last epoch."""

from mlpnas.objectives import Candidate


class MacroF1:
    direction = "maximize"
    unit = "share"
    known = False
    needs_training = True
    extras = ()

    def measure(self, candidate: Candidate) -> float:
        return candidate.trained["macro_f1"]

    def reference(self, limit: float | None) -> float | None:
        return 0.0
