"""Make a sampler from its name and options, or from an object of Optuna."""

import copy
from collections.abc import Mapping
from typing import Any

from optuna.samplers import BaseSampler

from mlpnas.errors import OptionError
from mlpnas.named import Named
from mlpnas.plugins import choose
from mlpnas.record import Record
from mlpnas.samplers._base import ArchitectureSampler
from mlpnas.samplers._domain import Domain
from mlpnas.samplers._inside_budget import Form, InsideBudget
from mlpnas.samplers._study import RunStudy
from mlpnas.search_options import PYTHON, SamplerObject
from mlpnas.space.tables import Window

_TRIES = 3


def make_sampler(
    asked: str | Named | SamplerObject | BaseSampler,
    domain: Domain,
    window: Window,
    objectives: Mapping[str, str],
    seed: int,
    scorer: Any = None,
) -> ArchitectureSampler:
    """Return the sampler that a user asks for; one of others has proposed three architectures on trial.

    Args:
        asked: known_cost, random:stratify=true, optuna:GPSampler, or an object of Optuna.
        objectives: name -> "maximize" | "minimize".
        scorer: measures scores of architectures that were not tried; None: no scores are measured.

    Raises:
        MlpnasError: no such sampler or option, or the sampler cannot be used for this space.
    """
    asked = asked.sampler if isinstance(asked, SamplerObject) else asked
    if isinstance(asked, BaseSampler):
        return _from_object(asked, domain, window, objectives, seed)
    named = Named.read(asked)
    if named.name == PYTHON:
        kind = dict(named.options).get("class")
        raise OptionError(f"the run was searched with an object of the class {kind}: give it again, as sampler=")
    kind, more = choose("samplers", named, skip=4)
    made = kind(domain, window, objectives, seed, **more)
    if isinstance(made, InsideBudget) and made.is_foreign:
        _try_out(kind(domain, window, objectives, seed, **more))
    made.scorer = scorer
    return made


def _from_object(
    asked: BaseSampler, domain: Domain, window: Window, objectives: Mapping[str, str], seed: int
) -> ArchitectureSampler:
    if isinstance(asked, ArchitectureSampler):
        return asked

    def wrap(inner: BaseSampler) -> InsideBudget:
        return InsideBudget(domain, window, objectives, seed, lambda seed: inner, Form.of(type(inner), objectives))

    _try_out(wrap(copy.deepcopy(asked)))
    return wrap(asked)


def _try_out(sampler: InsideBudget) -> None:
    """Ask for three proposals; raises RunError if the sampler fails."""
    study = RunStudy(sampler)
    for number in range(_TRIES):
        sample = study.ask(number).sample
        values = {**sample.costs, **{name: float(number) for name in sampler.objectives if name not in sample.costs}}
        study.tell(Record(number, "", "", sample.answers, "done", values=values))
