"""Mean over the classes of val of the share of their images that is recognised, after the last epoch.

A rare class counts like any other: always guessing one of N classes gets 1 / N.
"""

from mlpnas.objectives import Candidate


class BalancedAccuracy:
    direction = "maximize"
    unit = "share"
    known = False
    needs_training = True
    extras = ()

    def measure(self, candidate: Candidate) -> float:
        return candidate.trained["balanced_accuracy"]

    def reference(self, limit: float | None) -> float | None:
        return 0.0
