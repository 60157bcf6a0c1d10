"""Uniform among the architectures inside the window: the baseline that every other sampler must beat."""

from collections.abc import Mapping

import numpy as np

from mlpnas.record import Record
from mlpnas.samplers import Proposal
from mlpnas.space.space import SearchSpace, Window


class Random:
    def __init__(self, space: SearchSpace, window: Window, objectives: Mapping[str, str], seed: int) -> None:
        self.space, self.window, self.seed = space, window, seed

    def ask(self, trial: int) -> Proposal:
        return Proposal(self.space.draw(np.random.default_rng([self.seed, trial]), self.window))

    def tell(self, record: Record) -> None:
        pass
