"""Fixed ranges of a chart's two axes: the place of every dot on the page follows from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import Any

import numpy as np

from mlpnas.objectives import describe
from mlpnas.pareto import Points
from mlpnas.record import Record
from mlpnas.report.style import axis, scale

_MARGIN = 0.06  # share of an axis beyond its first and its last dot
_LINEAR = 20  # times the least cost, up to which an axis is linear


@dataclass(frozen=True)
class Frame:
    """The two axes of a chart and their ranges.

    Attributes:
        x, y: names of the quantities; `across`, `up`: ranges in the axes' own numbers, the logarithm's where it is one.
    """

    x: str
    y: str
    is_log: bool
    across: tuple[float, float]
    up: tuple[float, float]

    @classmethod
    def around(cls, x: str, y: str, costs: Sequence[float], values: Sequence[float]) -> "Frame":
        """Return the frame that shows all of these; costs and values are scaled as they are drawn."""
        is_log = min(costs) > 0 and max(costs) > _LINEAR * min(costs)
        across = _wider([log10(cost) for cost in costs] if is_log else costs)
        low, high = _wider(values)
        if extent := describe(y).format.extent:
            low, high = max(low, extent[0]), min(high, extent[1])
        return cls(x, y, is_log, across, (low, high))

    def axes(self) -> dict[str, dict[str, Any]]:
        """Return the axes for plotly's layout."""
        kind = {"type": "log", "dtick": "D2" if self.across[1] - self.across[0] < 2.7 else 1} if self.is_log else {}
        return {"xaxis": axis(self.x, range=self.across, **kind), "yaxis": axis(self.y, range=self.up)}

    def points(self, records: Sequence[Record]) -> Points:
        """Return the points (N, 2) of trials, scaled as they are drawn."""
        rows = [[record.values[name] * scale(name) for name in (self.x, self.y)] for record in records]
        return np.array(rows, float).reshape(-1, 2)

    def coordinate(self, cost: float) -> float:
        """Return the coordinate of a cost on its axis, as plotly wants it for annotations."""
        return log10(cost) if self.is_log else cost

    def shares(self, points: Points) -> Points:
        """Return the places of scaled points (N, 2) in the drawing area, 0 to 1."""
        low, high = np.array([self.across, self.up]).T
        points = np.array(points, float).reshape(-1, 2)
        if self.is_log:
            points[:, 0] = np.log10(points[:, 0])
        return (points - low) / (high - low)


def _wider(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = _MARGIN * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin
