"""RunStudy: the study of Optuna under a search, in memory, rebuilt from the records of its run."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import isfinite, nan
from typing import Any

import numpy as np
import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from mlpnas.record import Record, latest
from mlpnas.samplers._archive import INFEASIBLE, SIGN, front
from mlpnas.samplers._base import NUMBER, ArchitectureSampler
from mlpnas.samplers._domain import Proposal
from mlpnas.space.tree import Answers

_MOST = 10_000  # trials that a rebuilt study holds beside the front
_WORST = {"maximize": 0.0, "minimize": 1e12}


class RunStudy:
    """Asks a sampler for architectures and tells it records; every trial is one of an Optuna study, too.

    A trial there is running until it is done, also while it is stopped early. One that diverged, ran out of memory or
    broke a limit is complete and infeasible, with the worst values; a failure or a duplicate is a failed trial. Its
    user attributes are its number in the run, status, origin, seed, epochs, costs and scores.

    Args:
        history: every record of the run so far, in its order.
        name: of the study.

    Attributes:
        study: Optuna's.
        notes: for people.
    """

    def __init__(self, sampler: ArchitectureSampler, history: Sequence[Record] = (), name: str | None = None) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.sampler, self.notes = sampler, list[str]()
        self._storage, self._running = _Storage(), dict[int, Trial]()
        directions = list(sampler.objectives.values())
        self.study = optuna.create_study(
            storage=self._storage,
            sampler=sampler,
            study_name=name,
            directions=directions,  # type: ignore[arg-type]
        )
        self._study_id = self._storage.get_study_id_from_name(self.study.study_name)
        history = [self._in_space(record) for record in history]
        for record in history:
            sampler.tell(record)
        records = [record for record in latest(history) if record.answers]
        rows = self._front_and_latest([self._result(record)[1] for record in records], _MOST)
        if len(rows) < len(records):
            self.notes.append(
                f"Optuna's study holds the front and the latest {_MOST:,} of {len(records):,} trials; "
                "known_cost, evolution and local know all of them"
            )
        for row in rows:
            self._update(records[row])
        if [records[row].trial for row in rows] == list(range(len(rows))):  # else trials have other numbers now
            for record in records:
                self._set_attributes(record.sampler_state.get("study"))

    def ask(self, number: int) -> Proposal:
        """Return what the sampler proposes as trial `number` of the run, inside the window."""
        trial = self.study.ask()
        trial.set_user_attr(NUMBER, number)
        before = self._storage.get_study_system_attrs(self._study_id)
        with self._storage.showing(self._shown(), self.sampler.translate):
            params = trial.relative_params
        self.sampler.encoding.suggest(trial, params)
        self._running[number] = trial
        after = self._storage.get_study_system_attrs(self._study_id)
        state = {
            "optuna": self.study.get_trials(deepcopy=False)[trial.number].system_attrs,
            "study": {name: value for name, value in after.items() if value != before.get(name)},
        }
        sample = self.sampler.take_sample(trial.number)
        return Proposal(sample, {name: attributes for name, attributes in state.items() if attributes})

    def _set_attributes(self, attributes: Any) -> None:
        """Set what a sampler of Optuna has kept in the study, as a record tells it."""
        for name, value in attributes.items() if isinstance(attributes, Mapping) else ():
            self._storage.set_study_system_attr(self._study_id, name, value)

    def begin(self, number: int, answers: Answers) -> None:
        """Take in that trial `number` of the run begins, whoever has proposed its architecture."""
        if answers and number not in self._running:  # a published model may lie outside the space
            self._add(number, answers, TrialState.RUNNING, user_attrs={NUMBER: number})

    def tell(self, record: Record) -> None:
        """Take in a record, finished, stopped or failed."""
        record = self._in_space(record)
        self.sampler.tell(record)
        if record.answers:
            self._update(record)

    def _in_space(self, record: Record) -> Record:
        """Return the record, without its answers where the space has no such answers, as for some published models."""
        is_inside = all(map(self.sampler.encoding.is_answer, record.answers, record.answers.values()))
        return record if is_inside else replace(record, answers={})

    def _update(self, record: Record) -> None:
        """Let the trial of a record be what the record says."""
        state, values = self._result(record)
        attributes, violation = self._attributes(record), float(record.status in INFEASIBLE)
        trial = self._running.pop(record.trial, None)
        if trial is None:
            more = {} if state == TrialState.RUNNING else {"values": values, "constraints": {"status": violation}}
            known = record.sampler_state.get("optuna")
            system = dict(known) if isinstance(known, Mapping) else {}
            self._add(record.trial, record.answers, state, user_attrs=attributes, system_attrs=system, **more)
            return
        for name, value in attributes.items():
            trial.set_user_attr(name, value)
        if state == TrialState.RUNNING:
            self._running[record.trial] = trial
        else:
            trial.set_constraint("status", violation)
            self.study.tell(trial, values, state)

    def _add(self, number: int, answers: Mapping[str, Any], state: TrialState, **more: Any) -> None:
        params = self.sampler.params(dict(answers))
        distributions = {path: self.sampler.encoding.distributions[path] for path in params}
        self.study.add_trial(create_trial(state=state, params=params, distributions=distributions, **more))
        if state == TrialState.RUNNING:
            self._running[number] = Trial(self.study, self.study.get_trials(deepcopy=False)[-1]._trial_id)

    def _result(self, record: Record) -> tuple[TrialState, list[float] | None]:
        """Return what a record is to Optuna: running, complete or failed; and its values."""
        if record.origin == "duplicate" or record.status not in ("done", "stopped", *INFEASIBLE):
            return TrialState.FAIL, None
        if record.status == "stopped":
            return TrialState.RUNNING, None
        values = [(record.values.get(name, nan), _WORST[to]) for name, to in self.sampler.objectives.items()]
        return TrialState.COMPLETE, [float(value if isfinite(value) else worst) for value, worst in values]

    def _attributes(self, record: Record) -> dict[str, Any]:
        known = {NUMBER: record.trial, "status": record.status, "origin": record.origin, "seed": record.seed}
        others = {name: value for name, value in record.values.items() if name not in self.sampler.objectives}
        return {**known, "epochs": record.epochs, **{name: value for name, value in others.items() if isfinite(value)}}

    def _shown(self) -> Container[int] | None:
        """Return the numbers of the trials that the sampler is to see; None: of all."""
        trials = self.study.get_trials(deepcopy=False)
        if self.sampler.shown is None or len(trials) <= self.sampler.shown:
            return None
        return set(self._front_and_latest([trial.values for trial in trials], self.sampler.shown))

    def _front_and_latest(self, values: Sequence[Sequence[float] | None], most: int) -> Sequence[int]:
        """Return the rows of the front and the latest `most` in their order; values: (rows, objectives)."""
        if len(values) <= most:
            return range(len(values))
        signs = [SIGN[to] for to in self.sampler.objectives.values()]
        points = np.array([[nan] * len(signs) if row is None else row for row in values]) * signs
        return sorted({*front(points).tolist(), *range(len(values) - most, len(values))})


class _Storage(InMemoryStorage):
    """Trials in memory; a sampler may see fewer of them, in another form."""

    _see: Callable[[Sequence[FrozenTrial]], list[FrozenTrial]] = list

    @contextmanager
    def showing(
        self, numbers: Container[int] | None, translate: Callable[[FrozenTrial], FrozenTrial]
    ) -> Iterator[None]:
        """Show the trials with these numbers, None: all; each as it is translated."""
        self._see = lambda trials: [translate(trial) for trial in trials if numbers is None or trial.number in numbers]
        try:
            yield
        finally:
            del self._see

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        return self._see(super().get_all_trials(study_id, deepcopy, states))
