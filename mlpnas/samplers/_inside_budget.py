"""InsideBudget: anybody's sampler of Optuna, with every proposal inside the window and new."""

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any

import numpy as np
from optuna import Study
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, BruteForceSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from mlpnas.errors import MlpnasError, OptionError, RunError
from mlpnas.samplers._base import ArchitectureSampler, Asked
from mlpnas.samplers._domain import Domain
from mlpnas.space.tables import Sample, Window
from mlpnas.space.tree import Answers

STARTS = 10  # uniform samples that Optuna's own samplers begin with
_SUGGESTIONS = 5
_SHOWN = 1_000  # trials


class InsideBudget(ArchitectureSampler):
    """Lets another sampler answer every question, and fits its answers into the window.

    The trials of the study hold the fitted answers, so that the other sampler learns from what is trained.

    Args:
        make: seed -> the other sampler.
        starts: how many uniform samples the search begins with.
        is_flat: whether it is asked every question of the space, those that its other answers leave out too; a trial
            then holds the first label of what is left out. For samplers that need the same parameters in every trial.
        is_renewed: whether the other sampler is made anew for every proposal, so that it depends on the study alone
            and a resumed search goes on as an uninterrupted one would.

    Attributes:
        is_foreign: whether it may fail in this space.
    """

    is_foreign = True

    def __init__(
        self,
        domain: Domain,
        window: Window,
        objectives: Mapping[str, str],
        seed: int,
        make: Callable[[int], BaseSampler],
        *,
        starts: int = 0,
        is_flat: bool = False,
        is_renewed: bool = False,
    ) -> None:
        super().__init__(domain, window, objectives, seed)
        self.make, self.starts, self.is_flat, self.is_renewed = make, starts, is_flat, is_renewed
        self._inner: BaseSampler | None = None

    def propose(self, asked: Asked) -> Sample:
        """Return the first of a few suggestions that is new and inside the window, else the nearest to the last."""
        if self.archive.proposed < self.starts:
            return self.archive.unseen(asked.rng)
        if self.is_renewed:
            self._inner = self.make(int(asked.rng.integers(2**31)))
        for _ in range(_SUGGESTIONS):
            answers = self._suggestion(asked)
            sample = self._new(answers, asked.rng)
            if sample.answers == answers:
                break
        return sample

    def params(self, answers: Answers) -> dict[str, Any]:
        params = super().params(answers)
        return {**self.encoding.first, **params} if self.is_flat else params

    def _suggestion(self, asked: Asked) -> Answers:
        """Return what the other sampler answers on the way down the tree.

        Raises:
            RunError: it fails.
        """
        try:
            return self._answers(asked)
        except MlpnasError:
            raise
        except Exception as error:  # whatever code of others raises
            raise RunError(f"the sampler {self._inner} failed ({type(error).__name__}: {error})") from error

    def _answers(self, asked: Asked) -> Answers:
        inner, study, trial = self._sampler(asked.trial), asked.study, copy.copy(asked.trial)
        trial.params, trial.distributions = {}, {}
        found = inner.sample_relative(study, trial, inner.infer_relative_search_space(study, trial))

        def ask(path: str) -> Any:
            distribution = self.encoding.distributions[path]
            if distribution.single():
                param = self.encoding.first[path]
            elif path in found and self.encoding.is_param(path, found[path]):
                param = found[path]
            else:
                param = inner.sample_independent(study, trial, path, distribution)
            trial.params[path], trial.distributions[path] = param, distribution
            return param

        params = {path: ask(path) for path in self.encoding.distributions} if self.is_flat else None
        return self.domain.answers(
            lambda q: self.encoding.label(q.path, params[q.path] if params is not None else ask(q.path))
        )

    def _new(self, answers: Answers, rng: np.random.Generator) -> Sample:
        """Return the nearest architecture inside the window that was not proposed yet."""
        sample = self.domain.fit(answers, self.window, rng)
        codes = self.archive.encode(sample.answers)[None]
        return self.archive.near(codes, rng) if self.archive.is_seen(codes)[0] else sample

    def _sampler(self, trial: FrozenTrial) -> BaseSampler:
        if self._inner is None:  # not the random numbers that an earlier process had
            self._inner = self.make(int(np.random.default_rng([self.seed, trial.number]).integers(2**31)))
        return self._inner

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._sampler(trial).before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self._sampler(trial).after_trial(study, trial, state, values)


def is_static(kind: type[BaseSampler]) -> bool:
    """Return whether a sampler needs the same parameters in every trial, or learns little from others."""
    return not issubclass(kind, (TPESampler, RandomSampler, BruteForceSampler))


def trials_shown(kind: type[BaseSampler], objectives: Mapping[str, str]) -> int | None:
    """Return how many of the latest trials a sampler is shown; TPE with several objectives sorts all of them."""
    return _SHOWN if issubclass(kind, TPESampler) and len(objectives) > 1 else None


def constructor(
    kind: type[BaseSampler], options: Mapping[str, Any], **more: Callable[[], Any]
) -> Callable[[int], BaseSampler]:
    """Return what makes a sampler from a seed, unless a seed is among its options.

    Args:
        more: of arguments that it may need, what makes them.

    Raises:
        OptionError: it does not have one of the options.
    """
    known = signature(kind).parameters
    takes_any = any(one.kind == Parameter.VAR_KEYWORD for one in known.values())
    for name in options:
        if name not in known and not takes_any:
            raise OptionError(f"{kind.__name__} has no option {name!r}; it has {', '.join(known)}")

    def make(seed: int) -> BaseSampler:
        given = {"seed": seed} if "seed" in known else {}
        needed = {name for name, one in known.items() if one.default is Parameter.empty}
        given |= {name: value() for name, value in more.items() if name in needed}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return kind(**{**given, **options})

    return make
