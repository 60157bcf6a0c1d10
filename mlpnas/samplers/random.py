"""Uniform among the architectures inside the window: the baseline that every other sampler must beat."""

from collections.abc import Mapping

import numpy as np

from mlpnas.errors import BudgetError
from mlpnas.record import Record
from mlpnas.samplers import Domain, Proposal
from mlpnas.space.tables import Window

_BANDS = 10


class Random:
    """Uniform, or spread over cost.

    Args:
        stratify: trial t is uniform in band t mod 10 of the cost, the bands being equal in its logarithm; in the whole
            window where a band holds nothing.
    """

    def __init__(
        self, domain: Domain, window: Window, objectives: Mapping[str, str], seed: int, *, stratify: bool = False
    ) -> None:
        self.domain, self.window, self.seed, self.stratify = domain, window, seed, stratify
        self.cost = next(name for name in domain.quantities if name in {*objectives, *window, domain.quantities[-1]})
        self._empty: set[int] = set()

    def ask(self, trial: int) -> Proposal:
        rng, number = np.random.default_rng([self.seed, trial]), trial % _BANDS
        if self.stratify and number not in self._empty:
            try:
                return Proposal(self.domain.sample(rng, self._band(number)))
            except BudgetError:
                self._empty.add(number)
        return Proposal(self.domain.sample(rng, self.window))

    def _band(self, number: int) -> Window:
        (low, high), (least, most) = self.domain.range(self.cost), self.window.get(self.cost, (0.0, np.inf))
        edges = np.geomspace(max(low, least, 1.0), min(high, most), _BANDS + 1)
        edges[0], edges[-1] = max(low, least), min(high, most)  # not off by a rounding
        return {**self.window, self.cost: (edges[number], edges[number + 1])}

    def tell(self, record: Record) -> None:
        pass
