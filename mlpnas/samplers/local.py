"""Pareto local search: one edit of something on the front (Paquete et al., 2004), and more where that is exhausted."""

import numpy as np

from mlpnas.samplers._archive import Archive, front
from mlpnas.samplers._base import ArchitectureSampler, Asked
from mlpnas.space.tables import Sample

_STARTS = 10


class Local(ArchitectureSampler):
    """Begins with uniform samples, then edits the front."""

    def propose(self, asked: Asked) -> Sample:
        is_beginning = self.archive.proposed < _STARTS
        return self.archive.unseen(asked.rng) if is_beginning else step(self.archive, asked.rng)


def step(archive: Archive, rng: np.random.Generator) -> Sample:
    """Return an unseen edit of a random member of the front; a uniform sample while there is no front."""
    best = front(archive.scores())
    return archive.near(archive.codes[best], rng) if len(best) else archive.unseen(rng)
