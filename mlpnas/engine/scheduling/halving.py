"""Asynchronous successive halving (Li et al., MLSys 2020), by rank among trials of similar cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

_BINS = 4
_MARGIN = 2.0  # times the promoted share of a rung; trials that rank below that are hardly ever promoted


class _Result(NamedTuple):
    trial: int
    cost: float
    value: float


@dataclass
class Halving:
    """Decides which trials are promoted from one rung to the next.

    Args:
        rungs: trained epochs, rising; a fraction this rung / next rung of the trials that reach one is promoted.
        by_cost: rank trials within bins of equal cost, so that a small network does not stop because it is small.
    """

    rungs: Sequence[int]
    by_cost: bool = True
    _results: dict[int, list[_Result]] = field(default_factory=dict)
    _promoted: set[tuple[int, int]] = field(default_factory=set)  # trials, with the rungs that they have left

    def report(self, trial: int, epochs: int, cost: float, value: float) -> None:
        """Take the result of a trial at a rung; more `value` is better."""
        self._results.setdefault(epochs, []).append(_Result(trial, cost, value))
        self._promoted |= {(trial, rung) for rung in self.rungs if rung < epochs}

    def retire(self, trial: int) -> None:
        """Never promote a trial again; others are still compared with its results."""
        self._promoted |= {(trial, rung) for rung in self.rungs}

    def promote_next(self) -> tuple[int, int] | None:
        """Promote the best trial that ranks high enough; return it and its next rung, or None if none does."""
        for rung, following, results in self._from_the_top():
            for best in self._best(results, following / rung):
                if (best.trial, rung) not in self._promoted:
                    return best.trial, self.promote(best.trial, rung)
        return None

    def promote(self, trial: int, rung: int) -> int:
        """Promote a trial from this rung, however it ranks; return the next rung."""
        self._promoted.add((trial, rung))
        return min(following for following in self.rungs if following > rung)

    def promote_best_stopped(self) -> tuple[int, int] | None:
        """Promote the best stopped trial of the highest rung, however it ranks; None if none has stopped."""
        for rung, _, results in self._from_the_top():
            stopped = [result for result in results if (result.trial, rung) not in self._promoted]
            if stopped:
                best = max(stopped, key=lambda result: result.value)
                return best.trial, self.promote(best.trial, rung)
        return None

    def promotable(self) -> set[tuple[int, int]]:
        """Return the stopped trials that may still be promoted, by a wide margin, each with its rung."""
        found: set[tuple[int, int]] = set()
        for rung, following, results in self._from_the_top():
            near = self._best(results, max(following / rung / _MARGIN, 1.0))
            few = results if len(results) < _BINS * following / rung else []
            found |= {(result.trial, rung) for result in [*near, *few]}
        return found - self._promoted

    def _from_the_top(self) -> Iterator[tuple[int, int, list[_Result]]]:
        """Yield every rung but the last, the one after it, and the results at it; the highest first."""
        for rung, following in reversed(list(zip(self.rungs, self.rungs[1:], strict=False))):
            yield rung, following, self._results.get(rung, [])

    def _best(self, results: Sequence[_Result], factor: float) -> list[_Result]:
        """Return the best 1 / factor of each bin, best first."""
        bins = int(np.clip(len(results) / (2 * factor), 1, _BINS)) if self.by_cost else 1
        by_cost = sorted(results, key=lambda result: result.cost)
        parts = [by_cost[len(by_cost) * k // bins : len(by_cost) * (k + 1) // bins] for k in range(bins)]
        best = [sorted(part, key=lambda r: -r.value)[: int(len(part) / factor)] for part in parts]
        return sorted((result for part in best for result in part), key=lambda r: -r.value)
