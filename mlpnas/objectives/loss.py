"""Mean cross-entropy on val, after the last epoch."""

from mlpnas.objectives import Candidate


class Loss:
    direction = "minimize"
    unit = "nats"
    known = False
    needs_training = True
    extras = ()

    def measure(self, candidate: Candidate) -> float:
        return candidate.trained["val_loss"]

    def reference(self, limit: float | None) -> float | None:
        return None
