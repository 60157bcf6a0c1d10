"""Uniform among the architectures inside the window: the baseline that every other sampler must beat."""

from collections.abc import Mapping

import numpy as np

from mlpnas.errors import BudgetError
from mlpnas.samplers._base import ArchitectureSampler, Asked
from mlpnas.samplers._domain import Domain
from mlpnas.space.tables import Sample, Window

_BANDS = 10


class Random(ArchitectureSampler):
    """Uniform, or spread over cost.

    Args:
        stratify: trial t is uniform in band t mod 10 of the cost, the bands being equal in its logarithm; in the whole
            window where a band holds nothing.
    """

    def __init__(
        self, domain: Domain, window: Window, objectives: Mapping[str, str], seed: int, *, stratify: bool = False
    ) -> None:
        super().__init__(domain, window, objectives, seed)
        self.stratify = stratify
        self.cost = next(name for name in domain.quantities if name in {*objectives, *window, domain.quantities[-1]})
        self._empty: set[int] = set()

    def propose(self, asked: Asked) -> Sample:
        band = asked.number % _BANDS
        if self.stratify and band not in self._empty:
            try:
                return self.domain.sample(asked.rng, self._band(band))
            except BudgetError:
                self._empty.add(band)
        return self.domain.sample(asked.rng, self.window)

    def _band(self, number: int) -> Window:
        (low, high), (least, most) = self.domain.range(self.cost), self.window.get(self.cost, (0.0, np.inf))
        edges = np.geomspace(max(low, least, 1.0), min(high, most), _BANDS + 1)
        edges[0], edges[-1] = max(low, least), min(high, most)  # exactly, in spite of rounding
        return {**self.window, self.cost: (edges[number], edges[number + 1])}
