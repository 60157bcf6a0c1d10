"""An audit of zero-cost scores: does a score tell more about trained networks than their cost does?

Zero-cost scores often just count MACs: they rank large networks above small ones, which a search knows already.
So each is compared with the trained objective twice: over all trials, and among trials of equal cost (bins of equal
count, pairs inside a bin alone). It is worth asking only if it beats the cost itself there, beyond chance.

Kendall's tau-b; intervals of 95 % by the jackknife over trials (Arvesen 1969, for U-statistics).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlpnas.record import Record

Floats = NDArray[np.float64]
Bins = Sequence[NDArray[np.int64]]

BETTER, EQUAL, USELESS = "better than MACs", "equals MACs", "useless"
TOO_FEW, BASELINE = "too few trials", "the baseline"
LEAST_TRIALS = 16
_BIN = 8  # trials of about equal cost
_MOST_BINS = 10
_NORMAL = 1.96
_BASELINES = ("macs", "params")


@dataclass(frozen=True)
class Tau:
    """A rank correlation, -1 to 1, and its interval of 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Audit:
    """The findings about one score.

    Attributes:
        trials: that were compared.
        overall, within: over all trials, and among those of equal cost.
        verdict: BETTER: worth asking. EQUAL: agrees with the trained objective, but no better than the cost does.
            USELESS: does not even agree with it. TOO_FEW: to say so.
    """

    name: str
    trials: int
    overall: Tau
    within: Tau
    verdict: str


def usable(score: ArrayLike, cost: ArrayLike, worth: ArrayLike) -> bool:
    """Return whether a score may guide a search: it beats the cost among trials of equal cost, beyond chance.

    Its tau there is above the cost's, and both this tau and the partial one, with the cost held fixed, are above 0 with
    their whole intervals. The partial one is what a noisy copy of the cost fails.

    Args:
        score, cost, worth: of each trial; worth is the trained objective, more is better. Trials where one of them is
            not finite do not count.
    """
    score, cost, worth = _finite(score, cost, worth)
    if len(score) < LEAST_TRIALS:
        return False
    bins = _bins(cost)
    own, of_cost, shared = _taus(score, worth, bins), _taus(cost, worth, bins), _taus(score, cost, bins)
    partial = _ratio(own - of_cost * shared, np.sqrt((1 - of_cost**2) * (1 - shared**2)))
    return bool(own[0] > of_cost[0]) and _interval(own).low > 0 and _interval(partial).low > 0


def audit(scores: Mapping[str, ArrayLike], worth: ArrayLike, cost: str = "macs") -> list[Audit]:
    """Audit every score; the one called `cost` is the baseline. See `usable` for the arguments."""
    return [_audit_score(name, values, scores[cost], worth, name == cost) for name, values in scores.items()]


def audit_records(records: Sequence[Record], objective: str, direction: str, scores: Sequence[str]) -> list[Audit]:
    """Audit the scores of finished trials, after macs and params.

    Args:
        objective: the trained one; direction: "maximize" or "minimize".
        scores: names in the records' values.
    """

    def column(name: str) -> Floats:
        return np.array([record.values.get(name, np.nan) for record in records], float)

    sign = 1 if direction == "maximize" else -1
    return audit({name: column(name) for name in dict.fromkeys([*_BASELINES, *scores])}, sign * column(objective))


def _audit_score(name: str, values: ArrayLike, costs: ArrayLike, worths: ArrayLike, is_baseline: bool) -> Audit:
    score, cost, worth = _finite(values, costs, worths)
    overall = _interval(_taus(score, worth, [np.arange(len(score))]))
    within = _interval(_taus(score, worth, _bins(cost)))
    if len(score) < LEAST_TRIALS:
        verdict = TOO_FEW
    elif is_baseline:
        verdict = BASELINE
    elif usable(score, cost, worth):
        verdict = BETTER
    else:
        verdict = EQUAL if overall.low > 0 else USELESS
    return Audit(name, len(score), overall, within, verdict)


def _finite(*columns: ArrayLike) -> tuple[Floats, ...]:
    """Return the rows that are finite in every column."""
    rows = np.stack([np.asarray(column, float) for column in columns])
    return tuple(rows[:, np.isfinite(rows).all(axis=0)])


def _bins(cost: Floats) -> Bins:
    """Return the indices of trials of about equal cost, bin by bin."""
    count = min(max(len(cost) // _BIN, 1), _MOST_BINS)
    return np.array_split(np.argsort(cost, kind="stable"), count)


def _taus(x: Floats, y: Floats, bins: Bins) -> Floats:
    """Return (1 + trials,) tau-b over the pairs inside a bin: of all trials, then without each one."""
    sums = np.zeros(
        (3, len(x))
    )  # of each trial with the others: agreements, pairs that x distinguishes, pairs that y does
    for own in bins:
        by_x, by_y = _order(x[own]), _order(y[own])
        sums[:, own] = [pairs.sum(axis=1) for pairs in (by_x * by_y, abs(by_x), abs(by_y))]
    without = sums.sum(axis=1, keepdims=True) - 2 * np.insert(sums, 0, 0, axis=1)
    return _ratio(without[0], np.sqrt(without[1] * without[2]))


def _order(values: Floats) -> NDArray[np.int8]:
    """Return (n, n), the sign of every difference."""
    return (values[:, None] > values).astype(np.int8) - (values[:, None] < values)


def _ratio(over: Floats, under: Floats) -> Floats:
    """Divide; return 0 for a divisor of 0: ties, or a score that is the cost."""
    return np.divide(over, under, out=np.zeros_like(over), where=under > 1e-9)


def _interval(taus: Floats) -> Tau:
    value, without = float(taus[0]), taus[1:]
    error = np.sqrt((len(without) - 1) * without.var()) if len(without) > 2 and any(without) else np.inf
    margin = _NORMAL * float(error)
    return Tau(value, max(value - margin, -1.0), min(value + margin, 1.0))
