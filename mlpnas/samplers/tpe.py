"""Optuna's tree-structured Parzen estimator, multivariate and grouped so that conditional questions are learned.

Bergstra et al., Algorithms for Hyper-Parameter Optimization (NeurIPS 2011); several objectives after Ozaki et al. 2022.
"""

import warnings
from collections.abc import Mapping

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler

from mlpnas.samplers._domain import Domain
from mlpnas.samplers._inside_budget import STARTS, Form, InsideBudget
from mlpnas.space.tables import Window


class Tpe(InsideBudget):
    """The multivariate, grouped estimator."""

    is_foreign = False

    def __init__(self, domain: Domain, window: Window, objectives: Mapping[str, str], seed: int) -> None:
        form = Form.of(TPESampler, objectives)
        super().__init__(domain, window, objectives, seed, _make, form, starts=STARTS, is_renewed=True)


def _make(seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # `group`
        return TPESampler(n_startup_trials=1, multivariate=True, group=True, seed=seed)
