"""Optuna's samplers made honest: every proposal inside the window and new, every end of a trial told as what it was.

The study lives in memory and is rebuilt from the records; nothing of it is stored but the system attributes that
Optuna's genetic samplers keep their generations in.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import Trial, TrialState, create_trial

from mlpnas.record import Record
from mlpnas.samplers import Domain, Proposal
from mlpnas.samplers._archive import INFEASIBLE, Archive
from mlpnas.space.tables import Sample, Window
from mlpnas.space.tree import Answers

STARTUP = 10
_SUGGESTIONS = 5
_WORST = {"maximize": 0.0, "minimize": 1e12}


class OptunaStudy:
    """A sampler of Optuna behind our protocol.

    Args:
        make: seed -> Optuna's sampler; made anew for every proposal, so that a resumed run draws what an uninterrupted
            one would have drawn.
    """

    def __init__(
        self,
        domain: Domain,
        window: Window,
        objectives: Mapping[str, str],
        seed: int,
        make: Callable[[int], BaseSampler],
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.domain, self.window, self.objectives, self.seed, self.make = domain, window, dict(objectives), seed, make
        self.archive = Archive(domain, window, objectives)
        self.study = optuna.create_study(directions=list(self.objectives.values()))  # type: ignore[arg-type]
        self._running: dict[int, Trial] = {}
        self._suggested = 0

    def ask(self, trial: int) -> Proposal:
        rng = np.random.default_rng([self.seed, trial])
        if self._suggested < STARTUP:
            sample = self.archive.unseen(rng)
            asked = self._replay(sample.answers)
        else:
            self.study.sampler = self.make(int(rng.integers(2**31)))
            sample, asked = self._suggestion(rng)
        self.archive.propose(trial, sample)
        self._running[trial] = asked
        self._suggested += 1
        return Proposal(sample, {"optuna": self._attributes(asked)})

    def _suggestion(self, rng: np.random.Generator) -> tuple[Sample, Trial]:
        """The first of a few suggestions that is new and inside the window, else what is nearest to the last."""
        for _ in range(_SUGGESTIONS):
            asked = self.study.ask()
            answers = self.domain.answers(lambda q: asked.suggest_categorical(q.path, q.labels))  # noqa: B023
            sample = self._new(answers, rng)
            if sample.answers == answers:
                return sample, asked
            self.study.tell(asked, state=TrialState.FAIL)  # it must learn from what is trained, not from wishes
        return sample, self._replay(sample.answers)

    def _new(self, answers: Answers, rng: np.random.Generator) -> Sample:
        """The nearest architecture inside the window that was not proposed yet."""
        sample = self.domain.fit(answers, self.window, rng)
        codes = self.archive.encode(sample.answers)[None]
        return self.archive.near(codes, rng) if self.archive.is_seen(codes)[0] else sample

    def _attributes(self, asked: Trial) -> dict[str, Any]:
        """Where Optuna's genetic samplers keep their generations; what was enqueued stands in the answers already."""
        attributes = self.study.get_trials(deepcopy=False)[asked.number].system_attrs
        return {name: value for name, value in attributes.items() if name != "fixed_params"}

    def _replay(self, answers: Answers) -> Trial:
        self.study.enqueue_trial(answers)
        asked = self.study.ask()
        self.domain.answers(lambda q: asked.suggest_categorical(q.path, q.labels))
        return asked

    def tell(self, record: Record) -> None:
        self.archive.tell(record)
        asked = self._running.pop(record.trial, None)
        is_news = record.origin != "duplicate"
        state, values = self._judged(record) if is_news else (TrialState.FAIL, None)
        violation = float(record.status in INFEASIBLE)
        if asked is not None:
            asked.set_constraint("status", violation)
            self.study.tell(asked, values, state=state)
        elif is_news and record.answers:  # a published model may lie outside the space
            self._suggested += record.origin == "sampled"
            self.study.add_trial(self._finished(record, state, values, violation))

    def _judged(self, record: Record) -> tuple[TrialState, list[float] | None]:
        """What a record is to Optuna: complete, complete but infeasible (so that the region is avoided), or failed."""
        if record.status not in ("done", *INFEASIBLE):
            return TrialState.FAIL, None
        rows = [record.values.get(name, _WORST[direction]) for name, direction in self.objectives.items()]
        return TrialState.COMPLETE, [
            float(value if np.isfinite(value) else _WORST[direction])
            for value, direction in zip(rows, self.objectives.values(), strict=True)
        ]

    def _finished(
        self, record: Record, state: TrialState, values: list[float] | None, violation: float
    ) -> optuna.trial.FrozenTrial:
        labels = {q.path: q.labels for q in self.domain.questions}
        attributes = record.sampler_state.get("optuna")
        return create_trial(
            state=state,
            values=values,
            params=dict(record.answers),
            distributions={path: CategoricalDistribution(labels[path]) for path in record.answers},
            system_attrs=dict(attributes) if isinstance(attributes, Mapping) else {},
            constraints={"status": violation},
        )
