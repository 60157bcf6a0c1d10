"""Pareto local search: one edit of something on the front (Paquete et al., 2004), and more where that is exhausted."""

from collections.abc import Mapping

import numpy as np

from mlpnas.record import Record
from mlpnas.samplers import Domain, Proposal
from mlpnas.samplers._archive import Archive, front
from mlpnas.space.tables import Sample, Window

_STARTS = 10


class Local:
    def __init__(self, domain: Domain, window: Window, objectives: Mapping[str, str], seed: int) -> None:
        self.seed = seed
        self.archive = Archive(domain, window, objectives)

    def ask(self, trial: int) -> Proposal:
        rng = np.random.default_rng([self.seed, trial])
        sample = step(self.archive, rng) if self.archive.proposed >= _STARTS else self.archive.unseen(rng)
        self.archive.propose(trial, sample)
        return Proposal(sample)

    def tell(self, record: Record) -> None:
        self.archive.tell(record)


def step(archive: Archive, rng: np.random.Generator) -> Sample:
    """An unseen edit of a random member of the front; uniform while there is no front."""
    best = front(archive.scores())
    return archive.near(archive.codes[best], rng) if len(best) else archive.unseen(rng)
