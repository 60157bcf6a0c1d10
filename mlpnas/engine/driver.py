"""The driver: what is tried next, and what becomes of it. Backends pull jobs from it and hand results back.

All state is rebuilt from the store when it starts, so that a resumed run is an ordinary one with a past.
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any, Protocol

import numpy as np

from mlpnas.engine import weights
from mlpnas.engine.crashes import Crashes
from mlpnas.engine.interrupt import Interrupt
from mlpnas.engine.seeds import published_seeds
from mlpnas.engine.watch import Watch
from mlpnas.errors import BudgetError
from mlpnas.files import until_there_is_room
from mlpnas.job import Job, Outcome, Waiting
from mlpnas.plugins import find
from mlpnas.record import EpochRow, Record
from mlpnas.run import Manifest, Run
from mlpnas.samplers import Proposal, Sampler
from mlpnas.space.space import SearchSpace
from mlpnas.space.tables import QUANTITIES
from mlpnas.spec import ArchSpec

Listener = Callable[[Mapping[str, Any]], None]
_REPEATS = 20  # repeats in a row before the sampler is passed over
_LOOKS = 500  # uniform draws to find something new
_LOOKS_FOR_ROOM = 3.0  # seconds between two, where the disk is full


class Backend(Protocol):
    """Runs jobs: takes the next one only when a worker is free, and hands each end back once.

    `ready` holds the workers' machines, so that one that cannot be had is known before anything is written. A job whose
    worker dies is given to another one, once; then it is an Outcome("failed"), not an exception. A worker that is
    `watch.overdue` is killed, if the backend can. On KeyboardInterrupt it lets go of its workers and raises it again.
    """

    def ready(self, manifest: Manifest) -> AbstractContextManager[None]: ...

    def run(self, driver: "Driver") -> None: ...


@dataclass
class _Running:
    proposal: Proposal
    origin: str
    started: float
    waits: bool = False
    curve: list[EpochRow] = field(default_factory=list)


class Driver:
    """One search over one run folder.

    Args:
        listener: told every event, a JSON object with the key `event`.
        interrupt: once asked, nothing new is started.

    Attributes:
        crash: the error that made an end of the search, or "".
        watch: knows which workers hang.
    """

    def __init__(self, run: Run, space: SearchSpace, listener: Listener, interrupt: Interrupt | None = None) -> None:
        self.run, self.space, self.tell = run, space, listener
        self.interrupt = interrupt or Interrupt()
        self.window = space.window(self.run.manifest.budget, self.run.manifest.fill)
        self.known = {record.key: record for record in run.records if record.origin != "duplicate"}
        self.running: dict[int, _Running] = {}
        self.started = time.time()
        self.crash, self._crashes = "", Crashes()
        longest = max((record.seconds for record in self.known.values()), default=0.0)
        self.watch = Watch(self.run.manifest.trial_seconds, longest)
        self.sampler: Sampler = find("samplers", self.run.manifest.sampler)(
            space,
            self.window,
            self.run.manifest.objectives,
            self.run.manifest.seed,
            **self.run.manifest.sampler_options,
        )
        for record in run.records:
            self.sampler.tell(record)
        taken = {record.trial for record in run.records}
        self._numbers = (number for number in count() if number not in taken)  # first what was cut off by a crash
        self._next = next(self._numbers)
        self._repeats = 0
        self._seeds, notes = published_seeds(space, self.window, self.known)
        for note in notes:
            self.note(note)

    def note(self, text: str) -> None:
        self.tell({"event": "note", "text": text})

    def is_over(self) -> bool:
        """Whether enough trials were started, the time is up, all trials crash, or someone asked to end."""
        limit = self.run.manifest.seconds
        is_late = limit is not None and time.time() - self.started >= limit
        is_stopped = self.interrupt.asked or bool(self.crash)
        return is_stopped or is_late or len(self.known) + len(self.running) >= self.run.manifest.trials

    def next_job(self) -> Job | None:
        """The next candidate to train; None once there is nothing more to try."""
        while not self.is_over():
            proposed = self._propose()
            if proposed is None:
                self.note("nothing new is left in the space within the budget")
                return None
            proposal, origin = proposed
            number, self._next = self._next, next(self._numbers)
            key = proposal.draw.spec.key
            if key in self.known:
                self._replay(number, proposal, self.known[key])
            elif any(other.proposal.draw.spec.key == key for other in self.running.values()):
                self._repeats += 1
                self.sampler.tell(self._record(number, proposal, "duplicate", Outcome("stopped")))
            else:
                return self._start(number, proposal, origin)
        return None

    def _propose(self) -> tuple[Proposal, str] | None:
        if self._seeds:
            return Proposal(self._seeds.pop(0)), "published"
        if self._repeats < _REPEATS:
            return self.sampler.ask(self._next), "sampled"
        taken = set(self.known) | {other.proposal.draw.spec.key for other in self.running.values()}
        rng = np.random.default_rng([self.run.manifest.seed, self._next])
        for _ in range(_LOOKS):
            with suppress(BudgetError):
                draw = self.space.draw(rng, self.window)
                if draw.spec.key not in taken:
                    return Proposal(draw), "sampled"
        return None

    def _start(self, number: int, proposal: Proposal, origin: str) -> Job:
        self._repeats = 0
        self.running[number] = _Running(proposal, origin, time.time())
        draw, manifest = proposal.draw, self.run.manifest
        told = {"event": "start", "trial": number, "key": draw.spec.key, "origin": origin}
        self.tell(told | {"mixers": _mixers(draw.spec)} | dict(draw.costs))
        objectives = measured(manifest)
        return Job(
            trial=number,
            spec=draw.spec.dumps(),
            recipe=manifest.recipe,
            data=manifest.data,
            objectives=objectives,
            limits={name: bound for name, bound in manifest.limits.items() if name in objectives},
            seed=manifest.seed,
            weights=weights.file_of(self.run, number),
            device=manifest.device,
            time_limit=manifest.trial_seconds,
        )

    def begin(self, trial: int) -> None:
        """A worker takes up the candidate; again, where an earlier one died."""
        running = self.running[trial]
        running.started, running.curve = time.time(), []
        self.watch.begin(trial)

    def requeue(self, trial: int, reason: str) -> None:
        """A candidate has lost its worker and waits for another one."""
        self.watch.end(trial)
        self.note(f"trial {trial} begins again: {reason}")

    def report(self, trial: int, row: EpochRow) -> None:
        """A candidate has trained one more epoch."""
        self.running[trial].curve.append(row)
        self.watch.sign(trial)
        self.tell({"event": "epoch", "trial": trial, "epoch": row.epoch, "top1": row.top1, "loss": row.val_loss})

    def wait(self, trial: int, step: Waiting) -> None:
        """A candidate waits for something outside it, and no time limit counts meanwhile."""
        running = self.running[trial]
        if not running.waits:
            self.note(f"trial {trial} waits: {step.reason}")
        running.waits = True
        self.watch.begin(trial)

    def finish(self, trial: int, outcome: Outcome) -> None:
        """A candidate has ended, well or not: kept on disk first, told afterwards."""
        running = self.running.pop(trial)
        self.watch.end(trial, outcome.seconds)
        record = self._record(trial, running.proposal, running.origin, outcome, running.started)
        self._keep(record, running.curve)

    def _replay(self, number: int, proposal: Proposal, known: Record) -> None:
        """A repeat gets the result that is known."""
        self._repeats += 1
        outcome = Outcome(known.status, known.values, known.epochs, error=known.error)
        self._keep(self._record(number, proposal, "duplicate", outcome), [])

    def _record(
        self, number: int, proposal: Proposal, origin: str, outcome: Outcome, started: float | None = None
    ) -> Record:
        draw, now = proposal.draw, time.time()
        return Record(
            trial=number,
            key=draw.spec.key,
            spec=draw.spec.dumps(),
            answers=draw.answers,
            status=outcome.status,
            origin=origin,
            values={**draw.costs, **outcome.values},
            epochs=outcome.epochs,
            seconds=outcome.seconds,
            seed=self.run.manifest.seed,
            device=outcome.device,
            error=outcome.error,
            recipe=json.dumps(self.run.manifest.recipe, sort_keys=True, separators=(",", ":")),
            weights=weights.relative(outcome.weights),
            started=started or now,
            finished=now,
            sampler_state=proposal.state,
        )

    def _keep(self, record: Record, curve: list[EpochRow]) -> None:
        self._write(partial(self.run.store.append_curve, curve), record.trial)
        self._write(partial(self.run.store.append, record), record.trial)
        self.run.records.append(record)
        self.sampler.tell(record)
        if record.origin != "duplicate":
            self.known[record.key] = record
            self.crash = self.crash or self._crashes.take(record)
        self._settle_reference(record)
        self.tell({"event": "trial", **summary(record)})
        self._prune_weights()

    def _write(self, write: Callable[[], object], trial: int | None = None) -> None:
        """Write something; where the disk is full, everything waits for room.

        Raises:
            KeyboardInterrupt: someone asked to end meanwhile; which trial could not be kept was told.
        """
        waits = False
        try:
            for reason in until_there_is_room(write):
                if not waits:
                    self.note(f"paused: {reason}; the search goes on by itself once there is room")
                waits = True
                if self.interrupt.asked:
                    raise KeyboardInterrupt
                time.sleep(_LOOKS_FOR_ROOM)
        except KeyboardInterrupt:
            if waits and trial is not None:
                self.tell({"event": "lost", "trial": trial})
            raise
        if waits:
            self.note("there is room again: the search goes on")

    def _settle_reference(self, record: Record) -> None:
        """An objective without a natural worst value is measured against twice the first one seen."""
        missing = [name for name in self.run.manifest.objectives if name not in self.run.manifest.reference]
        if missing and record.is_done:
            found = {name: 2 * record.values[name] for name in missing if name in record.values}
            self.run.manifest = replace(self.run.manifest, reference={**self.run.manifest.reference, **found})
            self._write(partial(self.run.manifest.write, self.run.path))

    def _prune_weights(self) -> None:
        """Weights are kept of the front and of what is running; the rest can be trained again."""
        kept = {record.weights for record in self.run.front()}
        if self.run.done():
            kept.add(self.run.best().weights)
        weights.prune(self.run, kept, set(self.running))


def measured(manifest: Manifest) -> tuple[str, ...]:
    """The objectives that workers are asked for, because they do not follow from the spec."""
    wanted = dict.fromkeys([*manifest.objectives, *manifest.limits, *manifest.scores])
    return tuple(name for name in wanted if name not in QUANTITIES)


def summary(record: Record) -> dict[str, Any]:
    """What is told of a trial that has ended."""
    told = {name: getattr(record, name) for name in ("trial", "key", "status", "origin", "error", "seconds", "epochs")}
    return told | {"mixers": _mixers(ArchSpec.loads(record.spec))} | dict(record.values)


def _mixers(spec: ArchSpec) -> list[str]:
    return [stage.mixer.name for stage in spec.stages]
