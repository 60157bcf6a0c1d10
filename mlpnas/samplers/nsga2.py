"""Optuna's NSGA-II: non-dominated sorting, crossover and mutation (Deb et al., IEEE TEC 6(2), 2002)."""

from collections.abc import Mapping

from optuna.samplers import BaseSampler, NSGAIISampler

from mlpnas.samplers._domain import Domain
from mlpnas.samplers._inside_budget import STARTS, Form, InsideBudget
from mlpnas.space.tables import Window


class Nsga2(InsideBudget):
    """NSGA-II with a population of 20."""

    is_foreign = False

    def __init__(self, domain: Domain, window: Window, objectives: Mapping[str, str], seed: int) -> None:
        form = Form.of(NSGAIISampler, objectives)
        super().__init__(domain, window, objectives, seed, _make, form, starts=STARTS, is_renewed=True)


def _make(seed: int) -> BaseSampler:
    return NSGAIISampler(population_size=2 * STARTS, seed=seed)
