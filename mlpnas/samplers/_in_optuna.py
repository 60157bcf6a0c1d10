"""known_cost as a sampler for anybody's study of Optuna."""

from collections.abc import Sequence
from threading import Lock
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from mlpnas.errors import OptionError, ShapeError
from mlpnas.record import Record
from mlpnas.samplers._encoding import Encoding
from mlpnas.samplers.known_cost import KnownCost as Inner
from mlpnas.space.space import SearchSpace
from mlpnas.space.tables import Sample
from mlpnas.units import Limit

_NAMES = {1: ("top1",), 2: ("top1", "macs")}


class KnownCost(BaseSampler):
    """A sampler for `optuna.create_study`: its proposals lie inside the budget, and it knows what they cost.

    The objective gets the architecture by `space.suggest(trial)`. The state is the study's own, so any storage, several
    processes and `load_study` work as usual. A pruned or failed trial is not proposed again; one with a violated
    constraint teaches the sampler to avoid its like.

    Args:
        space: a SearchSpace, a path, or the name of a shipped space.
        budget: upper limits with units, "15GFLOPs"; None: the space's own constraints alone.
        objectives: the names of the study's values, in their order; default: top1, or top1 and macs. Those that are
            costs of the space are known before a trial, all others are modelled.
        fill: share of the budget that every proposal uses at least.
        seed: of the proposals; the same study and seed give the same proposal.

    Example:
        >>> space = mlpnas.SearchSpace.load("quick")                                             # doctest: +SKIP
        >>> sampler = mlpnas.KnownCost(space, budget="2MMACs")                                   # doctest: +SKIP
        >>> study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)    # doctest: +SKIP

    Raises:
        BudgetError: the space has nothing that cheap. SpaceError, UnitError: space or budget cannot be read.
    """

    def __init__(
        self,
        space: SearchSpace | str,
        budget: str | Limit | Sequence[str | Limit] | None = None,
        *,
        objectives: Sequence[str] | None = None,
        fill: float = 0.5,
        seed: int = 0,
    ) -> None:
        self.space = space if isinstance(space, SearchSpace) else SearchSpace.load(space)
        self.window = self.space.window(budget, fill)
        self.seed, self._objectives = seed, objectives
        self._encoding = Encoding(self.space.questions)
        self._inner: Inner | None = None
        self._known: dict[int, TrialState] = {}  # trials that the inner sampler was told of, by number
        self._others, self._lock = RandomSampler(seed), Lock()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._encoding.distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the parameters of a whole architecture.

        Raises:
            OptionError: the study has another number of values than there are names of objectives.
        """
        with self._lock:  # of study.optimize(n_jobs=...)
            inner = self._inner = self._inner or self._make(study.directions)
            for other in study.get_trials(deepcopy=False):
                if other.number != trial.number and self._known.get(other.number) != other.state:
                    self._tell(inner, other)
            self._known[trial.number] = TrialState.RUNNING
            params = inner.sample_relative(study, trial, search_space)
            inner.take_sample(trial.number)
            return params

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a uniform value: the parameter is no question of the space."""
        return self._others.sample_independent(study, trial, param_name, param_distribution)

    def _make(self, directions: Sequence[StudyDirection]) -> Inner:
        names = self._objectives or _NAMES.get(len(directions), ())
        if len(names) != len(directions):
            raise OptionError(
                f"KnownCost: the study has {len(directions)} values and objectives names {len(names)}; name each in "
                'its order, like objectives=["top1", "macs"]'
            )
        ways = {name: direction.name.lower() for name, direction in zip(names, directions, strict=True)}
        return Inner(self.space, self.window, ways, self.seed)

    def _tell(self, inner: Inner, trial: FrozenTrial) -> None:
        """Tell the inner sampler of a trial that has begun or ended since it was asked last."""
        answers = self._answers(trial)
        if answers is None:
            return  # it has not been asked everything yet, or it is no architecture of this space
        self._known[trial.number] = trial.state
        try:
            sample = Sample.of(answers, self.space.spec(answers))
        except ShapeError:
            return
        if not trial.state.is_finished():
            inner.archive.propose(trial.number, sample)
            return
        status, values = "failed", dict[str, float]()
        if trial.state == TrialState.COMPLETE and trial.values is not None:
            status = "over_budget" if any(violation > 0 for violation in trial.constraints.values()) else "done"
            values = dict(zip(inner.objectives, trial.values, strict=True))
        inner.tell(Record(trial.number, "", "", answers, status, values={**values, **sample.costs}))

    def _answers(self, trial: FrozenTrial) -> dict[str, Any] | None:
        known = {path: param for path, param in trial.params.items() if path in self._encoding.distributions}
        if not all(map(self._encoding.is_param, known, known.values())):
            return None
        answers = self._encoding.answers(known)
        try:
            return self.space.answers(lambda question: answers[question.path])
        except KeyError:
            return None
