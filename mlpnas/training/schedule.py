"""Learning rate over the steps of a training."""

from math import cos, pi


def lr_factor(step: int, steps: int, warmup: int) -> float:
    """Return the share of the highest learning rate at `step` of `steps`: a line up, then half a cosine to 0."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return (1 + cos(pi * (step - warmup) / max(steps - warmup, 1))) / 2
