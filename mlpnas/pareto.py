"""Pareto front and hypervolume (moocore's), with our conventions: directions by word, costs scaled by the reference."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

_ZERO = 1e-100  # sides so short give a volume of 0


def on_front(points: Points, directions: Sequence[str]) -> NDArray[np.bool_]:
    """Return which rows no other row beats; of equal rows all are kept.

    Args:
        points: (rows, objectives), finite.
        directions: "maximize" or "minimize" for each objective.
    """
    import moocore

    if not len(points):
        return np.zeros(0, bool)
    return moocore.is_nondominated(points, maximise=[d == "maximize" for d in directions], keep_weakly=True)


def hypervolume(points: Points, directions: Sequence[str], reference: Sequence[float]) -> float:
    """Return the volume between points and reference; a minimised objective counts in units of a positive reference.

    With top1 (reference 0) and macs (reference: the budget) it is the share of the box [0, 1] x [0, budget] that the
    front dominates, between 0 and 1, and comparable between runs of one budget.
    """
    import moocore

    maximize = np.array([d == "maximize" for d in directions])
    corner = np.asarray(reference, float)
    scale = np.where(maximize | (corner <= 0), 1.0, corner)
    corner = corner / scale
    scaled = np.asarray(points, float).reshape(-1, len(directions)) / scale
    better = np.where(maximize, scaled > corner, scaled < corner).all(axis=1)
    if not better.any():
        return 0.0
    return float(moocore.hypervolume(scaled[better], ref=corner, maximise=maximize.tolist()))


def worse(value: float, direction: str) -> float:
    """Return a reference for an objective without a natural worst value: `value`, made worse by its own size.

    That is twice a positive cost, and 0 for a positive score; a value as good as 0 is made worse by 1.
    """
    margin = abs(value) if abs(value) > _ZERO else 1.0
    return value - margin if direction == "maximize" else value + margin


def knee(points: Points, directions: Sequence[str]) -> int:
    """Return the row nearest to the ideal corner, each objective scaled to the range of `points` (a front)."""
    signed = np.where([d == "maximize" for d in directions], -points, points)
    low, high = signed.min(axis=0), signed.max(axis=0)
    scaled = (signed - low) / np.where(high > low, high - low, 1.0)
    return int(np.argmin((scaled**2).sum(axis=1)))
