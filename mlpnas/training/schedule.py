"""Learning rate over the steps of a training."""

from math import cos, pi


def factor(step: int, steps: int, warmup: int) -> float:
    """Share of the highest learning rate at `step` of `steps`: a line up, then half a cosine to 0."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return (1 + cos(pi * (step - warmup) / max(steps - warmup, 1))) / 2
