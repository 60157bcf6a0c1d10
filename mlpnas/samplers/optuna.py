"""Any sampler of Optuna by the name of its class, with its options."""

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.samplers import BaseSampler, CmaEsSampler, QMCSampler

from mlpnas.errors import UnknownName
from mlpnas.samplers._domain import Domain
from mlpnas.samplers._inside_budget import Form, InsideBudget, constructor
from mlpnas.space.tables import Window


class Optuna(InsideBudget):
    """See InsideBudget.

    Args:
        sampler: the name of a class in optuna.samplers.
        options: of its constructor.
    """

    def __init__(
        self,
        domain: Domain,
        window: Window,
        objectives: Mapping[str, str],
        seed: int,
        sampler: str = "",
        **options: Any,
    ) -> None:
        known = {name: kind for name in optuna.samplers.__all__ if _is_sampler(kind := getattr(optuna.samplers, name))}
        if sampler not in known:
            raise UnknownName("sampler of Optuna", sampler, sorted(known))
        kind = known[sampler]
        is_renewed = not issubclass(kind, (CmaEsSampler, QMCSampler))  # which keep no state that a resume can restore
        form = Form.of(kind, objectives)
        super().__init__(domain, window, objectives, seed, constructor(kind, options), form, is_renewed=is_renewed)


def _is_sampler(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseSampler) and not getattr(kind, "__abstractmethods__", None)
