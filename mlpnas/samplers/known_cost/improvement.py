"""Exact expected improvement of an uncertain value at a known cost."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr  # type: ignore[import-untyped]

Floats = NDArray[np.float64]


def expected_improvement(mean: Floats, deviation: Floats, best: Floats | float) -> Floats:
    """Return E max(0, y - best) for normal y (Jones et al., Efficient Global Optimization, 1998)."""
    scaled = (mean - best) / deviation
    density = np.exp(-(scaled**2) / 2) / np.sqrt(2 * np.pi)
    return deviation * (scaled * ndtr(scaled) + density)


def heavy_tailed_improvement(mean: Floats, deviation: Floats, best: Floats | float) -> Floats:
    """Return E max(0, y - best) for y of Student's t with 4 degrees of freedom and scale `deviation`.

    This is the robust choice of Lange, Little and Taylor (JASA 84, 1989). Near the best it ranks like the normal one;
    candidates far below it keep a chance, which grows with their uncertainty.
    """
    scaled = (mean - best) / deviation
    density = 0.375 * (1 + scaled**2 / 4) ** -2.5
    return deviation * (scaled * stdtr(4, scaled) + (4 + scaled**2) / 3 * density)


class AttainmentCurve(NamedTuple):
    """The best value at a cost or less: levels[k] from costs[k] on; costs[0] is -inf."""

    costs: Floats
    levels: Floats

    @classmethod
    def of(cls, costs: Floats, values: Floats, worst: float) -> "AttainmentCurve":
        """Return the curve of points; `worst` is the level before the first."""
        order = np.lexsort((-values, costs))
        highest = np.maximum.accumulate(np.concatenate([[worst], values[order]]))
        rises = np.flatnonzero(np.diff(highest) > 0)
        return cls(np.concatenate([[-np.inf], costs[order][rises]]), np.concatenate([[worst], highest[rises + 1]]))

    def at(self, costs: Floats) -> Floats:
        return self.levels[np.searchsorted(self.costs, costs, side="right") - 1]


def expected_hypervolume_improvement(
    mean: Floats, deviation: Floats, costs: Floats, curve: AttainmentCurve, highest_cost: float
) -> Floats:
    """Return the expected area that a new point adds between the curve and `highest_cost`.

    Because the cost c is known, the area is a sum of strips of known width: with the levels g_k on [t_k, t_k+1),

        sum_k max(0, t_k+1 - max(t_k, c)) E max(0, y - g_k).

    Args:
        mean, deviation: (n,) of the uncertain value y; more is better.
        costs: (n,); less is better.
    """
    ends = np.append(curve.costs[1:], highest_cost)
    widths = np.maximum(ends - np.maximum.outer(costs, curve.costs), 0.0)
    return (widths * expected_improvement(mean[:, None], deviation[:, None], curve.levels)).sum(axis=1)
