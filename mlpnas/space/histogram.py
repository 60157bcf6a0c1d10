"""Histograms of cost: distinct costs with the number of architectures of each, and their sums."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpnas.space.codes import Floats

_AT_ONCE = 2**20  # sums in memory at once
_LARGEST = 2**17  # distinct costs; more are rounded up to a raster of as many steps


class Histogram(NamedTuple):
    """Distinct costs in rising order, with the number of ways below each and, last, in total."""

    costs: Floats
    cumulative: Floats

    def within(self, low: Floats, high: Floats) -> Floats:
        """Count the ways with low <= cost <= high, elementwise."""
        upper = self.cumulative[np.searchsorted(self.costs, high, side="right")]
        return np.maximum(upper - self.cumulative[np.searchsorted(self.costs, low, side="left")], 0.0)


def histogram(costs: Floats, ways: Floats) -> Histogram:
    if len(costs) > _LARGEST:
        step = costs.max() / _LARGEST
        coarse = np.bincount(np.ceil(costs / step).astype(np.int64), ways)
        kept = np.flatnonzero(coarse)
        return Histogram(np.asarray(kept * step, float), _cumulative(coarse[kept]))
    distinct, where = np.unique(costs, return_inverse=True)
    return Histogram(distinct, _cumulative(np.bincount(where, ways, minlength=len(distinct))))


def sums(pairs: Sequence[tuple[Histogram, Histogram]]) -> Histogram:
    """Return the histogram of first plus second cost, over all pairs together."""
    number = sum(len(own.costs) * len(rest.costs) for own, rest in pairs)
    if not number:
        return Histogram(np.zeros(0), np.zeros(1))
    if number <= _LARGEST:
        costs = [np.add.outer(own.costs, rest.costs).ravel() for own, rest in pairs]
        ways = [np.multiply.outer(_each(own), _each(rest)).ravel() for own, rest in pairs]
        return histogram(np.concatenate(costs), np.concatenate(ways))
    # straight onto the raster, a few rows at a time: all sums at once may need many GB
    step = max(float(own.costs.max() + rest.costs.max()) for own, rest in pairs) / _LARGEST
    coarse = np.zeros(_LARGEST + 2)
    for own, rest in pairs:
        rows, each_own, each_rest = max(_AT_ONCE // len(rest.costs), 1), _each(own), _each(rest)
        for start in range(0, len(own.costs), rows):
            some = slice(start, start + rows)
            places = np.ceil(np.add.outer(own.costs[some], rest.costs).ravel() / step).astype(np.int64)
            np.add.at(coarse, places, np.multiply.outer(each_own[some], each_rest).ravel())
    kept = np.flatnonzero(coarse)
    return Histogram(np.asarray(kept * step, float), _cumulative(coarse[kept]))


def _cumulative(ways: NDArray[Any]) -> Floats:
    return np.concatenate([[0.0], np.cumsum(ways)])


NOTHING_LEFT = Histogram(np.zeros(1), np.array([0.0, 1.0]))


def _each(histogram: Histogram) -> Floats:
    return np.diff(histogram.cumulative)
