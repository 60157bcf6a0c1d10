"""Optuna's NSGA-II: non-dominated sorting, crossover and mutation (Deb et al., IEEE TEC 6(2), 2002)."""

from collections.abc import Mapping

from optuna.samplers import BaseSampler, NSGAIISampler

from mlpnas.samplers import Domain
from mlpnas.samplers._optuna import STARTUP, OptunaStudy
from mlpnas.space.tables import Window


class Nsga2(OptunaStudy):
    def __init__(self, domain: Domain, window: Window, objectives: Mapping[str, str], seed: int) -> None:
        super().__init__(domain, window, objectives, seed, _sampler)


def _sampler(seed: int) -> BaseSampler:
    return NSGAIISampler(population_size=2 * STARTUP, seed=seed)
