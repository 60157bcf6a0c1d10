"""InsideBudget: anybody's sampler of Optuna, with every proposal inside the window and new."""

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any, NamedTuple

import numpy as np
from optuna import Study
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, BruteForceSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from mlpnas.errors import MlpnasError, OptionError, RunError
from mlpnas.named import Named, Scalar
from mlpnas.samplers._base import ArchitectureSampler, Asked
from mlpnas.samplers._domain import Domain
from mlpnas.samplers._encoding import Encoding
from mlpnas.space.tables import Sample, Window
from mlpnas.space.tree import Answers

STARTS = 10  # uniform samples that Optuna's own samplers begin with
_SHOWN = 1_000  # trials


class Form(NamedTuple):
    """The form in which a sampler of Optuna gets questions and trials.

    Attributes:
        is_flat: whether it is asked every question of the space, those that its other answers leave out too; a trial
            then holds the first label of what is left out. For samplers that need the same parameters in every trial.
        is_ordered: whether answers that are numbers are integers; else they are categories.
        shown: how many of the latest trials it sees beside the front; None: all trials.
        suggestions: how many of its answers may lie outside the window before they are fitted.
    """

    is_flat: bool = True
    is_ordered: bool = True
    shown: int | None = None
    suggestions: int = 5

    @classmethod
    def of(cls, kind: type[BaseSampler], objectives: Mapping[str, str]) -> "Form":
        """Return what suits a class of samplers.

        TPE finds more with categories than with integers of few values, and sorts all trials by several objectives.
        A Gaussian process takes long for every answer, and nearly repeats it.
        """
        if issubclass(kind, TPESampler):
            return cls(is_flat=False, is_ordered=False, shown=_SHOWN if len(objectives) > 1 else None)
        if issubclass(kind, GPSampler):
            return cls(suggestions=1)
        return cls(is_flat=not issubclass(kind, (BruteForceSampler, NSGAIISampler, RandomSampler)))


class InsideBudget(ArchitectureSampler):
    """Lets another sampler answer every question, and fits its answers into the window.

    The trials of the study hold the fitted answers, so that the other sampler learns from what is trained.

    Args:
        make: seed -> the other sampler.
        form: in which it gets questions and trials.
        starts: how many uniform samples the search begins with.
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
        form: Form,
        *,
        starts: int = 0,
        is_renewed: bool = False,
    ) -> None:
        super().__init__(domain, window, objectives, seed)
        self.make, self.form, self.starts, self.is_renewed = make, form, starts, is_renewed
        self.shown = form.shown
        self._inner: BaseSampler | None = None
        self._seen = self.encoding if form.is_ordered else Encoding(domain.questions, is_ordered=False)
        self._translated: dict[int, FrozenTrial] = {}

    def propose(self, asked: Asked) -> Sample:
        """Return the first of a few suggestions that is new and inside the window, else the nearest to the last."""
        if self.archive.proposed < self.starts:
            return self.archive.unseen(asked.rng)
        if self.is_renewed:
            self._inner = self.make(int(asked.rng.integers(2**31)))
        for _ in range(self.form.suggestions):
            answers = self._suggestion(asked)
            sample = self._new(answers, asked.rng)
            if sample.answers == answers:
                break
        return sample

    def params(self, answers: Answers) -> dict[str, Any]:
        params = super().params(answers)
        return {**self.encoding.first, **params} if self.form.is_flat else params

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
        inner, study, seen = self._sampler(asked.trial), asked.study, self._seen
        trial = copy.copy(asked.trial)
        trial.params, trial.distributions = {}, {}
        found = inner.sample_relative(study, trial, inner.infer_relative_search_space(study, trial))

        def ask(path: str) -> Scalar:
            distribution = seen.distributions[path]
            if distribution.single():
                param = seen.first[path]
            elif path in found and seen.is_param(path, found[path]):
                param = found[path]
            else:
                param = inner.sample_independent(study, trial, path, distribution)
            trial.params[path], trial.distributions[path] = param, distribution
            return seen.label(path, param)

        every = {path: ask(path) for path in seen.distributions} if self.form.is_flat else {}
        return self.domain.answers(lambda q: every[q.path] if self.form.is_flat else ask(q.path))

    def translate(self, trial: FrozenTrial) -> FrozenTrial:
        if self._seen is self.encoding or not trial.params:
            return trial
        if trial.number not in self._translated or not trial.state.is_finished():
            translated = copy.copy(trial)
            translated.params = self._seen.params(self.encoding.answers(trial.params))
            translated.distributions = {path: self._seen.distributions[path] for path in trial.params}
            self._translated[trial.number] = translated
        return self._translated[trial.number]

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


def constructor(
    kind: type[BaseSampler], options: Mapping[str, Any], **more: Callable[[], Any]
) -> Callable[[int], BaseSampler]:
    """Return what makes a sampler from a seed, unless a seed is among its options.

    Args:
        more: of arguments that it may need, what makes them.

    Raises:
        OptionError: it does not have one of the options; later, by what is returned: it does not take their values.
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
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                return kind(**{**given, **options})
        except Exception as error:  # whatever code of others raises
            shown = Named.of(kind.__name__, **options)
            raise OptionError(f"the sampler {shown} cannot be made ({type(error).__name__}: {error})") from error

    return make
