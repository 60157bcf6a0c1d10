"""Aging evolution (Real et al., Regularized Evolution, AAAI 2019) on the tree of questions, for several objectives.

The latest results are the population, so that the oldest die. The better of a few random members becomes a parent: by
non-dominated rank, then by crowding distance (Deb et al., IEEE TEC 6(2), 2002). A child is one edit of a parent, or of
the crossing of two.
"""

import numpy as np
from numpy.typing import NDArray

from mlpnas.pareto import on_front
from mlpnas.samplers._archive import Floats
from mlpnas.samplers._base import ArchitectureSampler, Asked
from mlpnas.space.codes import Codes
from mlpnas.space.tables import Sample

_STARTS = 10
_POPULATION = 50
_TOURNAMENT = 10
_CROSSOVER = 0.5  # share of the children that have two parents


class Evolution(ArchitectureSampler):
    """Begins with uniform samples, then proposes children of the population."""

    def propose(self, asked: Asked) -> Sample:
        is_beginning = self.archive.proposed < _STARTS
        return self.archive.unseen(asked.rng) if is_beginning else self._child(asked.rng)

    def _child(self, rng: np.random.Generator) -> Sample:
        scores = self.archive.scores()
        population = np.flatnonzero(np.isfinite(scores).all(axis=1))[-_POPULATION:]
        if not len(population):
            return self.archive.unseen(rng)
        order, codes = rank(scores[population]), self.archive.codes[population]
        child = codes[[_parent(order, rng)]]
        if rng.random() < _CROSSOVER:
            child = self._cross(child, codes[[_parent(order, rng)]], rng)
        return self.archive.near(child, rng)

    def _cross(self, mother: Codes, father: Codes, rng: np.random.Generator) -> Codes:
        children = self.domain.cross(mother, father, self.window, rng).codes
        return children if len(children) else mother


def _parent(order: NDArray[np.int64], rng: np.random.Generator) -> int:
    """Return the best of a few random members; order: the members, best first."""
    return int(order[rng.integers(len(order), size=_TOURNAMENT).min()])


def rank(scores: Floats) -> NDArray[np.int64]:
    """Return the rows, best first: by non-dominated front, in a front by crowding distance. scores: more is better."""
    order: list[int] = []
    left = np.arange(len(scores))
    while len(left):
        best = on_front(scores[left], ["maximize"] * scores.shape[1])
        crowding = _crowding(scores[left[best]])
        order += left[best][np.argsort(-crowding, kind="stable")].tolist()
        left = left[~best]
    return np.array(order, np.int64)


def _crowding(scores: Floats) -> Floats:
    """Return the sum over objectives of the gap between both neighbours, as a share of the range; inf at the ends."""
    distance = np.zeros(len(scores))
    for column in scores.T:
        order = np.argsort(column, kind="stable")
        gaps = np.full(len(column), np.inf)
        gaps[1:-1] = (column[order][2:] - column[order][:-2]) / (np.ptp(column) or 1.0)
        distance[order] += gaps
    return distance
