"""Asynchronous successive halving (Li et al., MLSys 2020), by rank among trials of similar cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

_BINS = 4
_HOPE = 2.0  # times the share that goes on: who stands behind that will hardly ever go on


class _Result(NamedTuple):
    trial: int
    cost: float
    value: float


@dataclass
class Halving:
    """Decides which trials are trained on, from one rung to the next.

    Args:
        rungs: trained epochs, rising; of those that reach one, 1 in (next rung / this rung) goes on.
        by_cost: rank within bins of equal cost, so that a small network is never left for being small.
    """

    rungs: Sequence[int]
    by_cost: bool = True
    _results: dict[int, list[_Result]] = field(default_factory=dict)
    _past: set[tuple[int, int]] = field(default_factory=set)

    def report(self, trial: int, epochs: int, cost: float, value: float) -> None:
        """A trial has reached a rung. value: more is better."""
        self._results.setdefault(epochs, []).append(_Result(trial, cost, value))
        self._past |= {(trial, rung) for rung in self.rungs if rung < epochs}

    def leave(self, trial: int) -> None:
        """A trial is trained no further; its results stay those that others are compared with."""
        self._past |= {(trial, rung) for rung in self.rungs}

    def promoted(self) -> tuple[int, int] | None:
        """The next trial that is to be trained on, and up to which rung; None while nothing deserves it."""
        for rung, following, results in self._from_the_top():
            for best in self._best(results, following / rung):
                if (best.trial, rung) not in self._past:
                    self._past.add((best.trial, rung))
                    return best.trial, following
        return None

    def promote(self, trial: int, rung: int) -> int:
        """Train a trial on from this rung, whether it deserves it or not; returns the next one."""
        self._past.add((trial, rung))
        return min(following for following in self.rungs if following > rung)

    def foremost(self) -> tuple[int, int] | None:
        """The best of the highest rung, whether it deserves it or not; None where nothing waits."""
        for rung, following, results in self._from_the_top():
            waiting = [result for result in results if (result.trial, rung) not in self._past]
            if waiting:
                best = max(waiting, key=lambda result: result.value)
                self._past.add((best.trial, rung))
                return best.trial, following
        return None

    def hopeful(self) -> set[tuple[int, int]]:
        """Trials that may be promoted yet, by a wide margin, and the rung that each has reached."""
        hopes: set[tuple[int, int]] = set()
        for rung, following, results in self._from_the_top():
            near = self._best(results, max(following / rung / _HOPE, 1.0))
            few = results if len(results) < _BINS * following / rung else []
            hopes |= {(result.trial, rung) for result in [*near, *few]}
        return hopes - self._past

    def _from_the_top(self) -> Iterator[tuple[int, int, list[_Result]]]:
        """Rung, the next one, and what has reached it."""
        for rung, following in reversed(list(zip(self.rungs, self.rungs[1:], strict=False))):
            yield rung, following, self._results.get(rung, [])

    def _best(self, results: Sequence[_Result], factor: float) -> list[_Result]:
        """The best 1 / factor of each bin, best first."""
        bins = int(np.clip(len(results) / (2 * factor), 1, _BINS)) if self.by_cost else 1
        by_cost = sorted(results, key=lambda result: result.cost)
        parts = [by_cost[len(by_cost) * k // bins : len(by_cost) * (k + 1) // bins] for k in range(bins)]
        best = [sorted(part, key=lambda r: -r.value)[: int(len(part) / factor)] for part in parts]
        return sorted((result for part in best for result in part), key=lambda r: -r.value)
