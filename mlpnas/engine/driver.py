"""The driver: what is tried next, and what becomes of it. Backends pull jobs from it and hand results back.

All state is rebuilt from the store when it starts, so that a resumed run is an ordinary one with a past.
"""

import json
import time
from dataclasses import dataclass, replace
from functools import partial
from shlex import quote

from mlpnas.engine.events import Listener, beginning, summary
from mlpnas.engine.interrupt import Interrupt
from mlpnas.engine.planning import reference
from mlpnas.engine.planning.worker_objectives import need_training, worker_objectives
from mlpnas.engine.run_folder import weights
from mlpnas.engine.run_folder.folder import HeldFolder
from mlpnas.engine.run_folder.writer import Lost, Writer
from mlpnas.engine.scheduling.crashes import Crashes, stops_before_crashes, without_crashes
from mlpnas.engine.scheduling.hang_detector import Watch
from mlpnas.engine.scheduling.proposals import Proposals
from mlpnas.engine.scheduling.rungs import Rungs
from mlpnas.job import Job, Outcome, Waiting
from mlpnas.record import EpochRow, Record
from mlpnas.run import Run
from mlpnas.samplers import Proposal
from mlpnas.space.space import SearchSpace
from mlpnas.space.tables import QUANTITIES


@dataclass
class _Running:
    """
    Attributes:
        record: what is known of the trial until it ends.
        started: by the wall clock, which may be set; clock: the same moment by one that may not.
    """

    record: Record
    waits: bool = False

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.started, self.clock = time.time(), time.monotonic()
        self.curve: list[EpochRow] = []


class Driver:
    """One search over one run folder.

    Args:
        listener: told every event, a JSON object with the key `event`.
        interrupt: once asked, nothing new is started.
        folder: the run's, which must stay where it is.

    Attributes:
        known: the latest record of every architecture, by key.
        crash: the error that the last trials had in common, too many of them, or "".
        watch: knows which workers hang.
    """

    def __init__(
        self,
        run: Run,
        space: SearchSpace,
        listener: Listener,
        interrupt: Interrupt | None = None,
        folder: HeldFolder | None = None,
    ) -> None:
        self.run, self.tell = run, listener
        self.interrupt = interrupt or Interrupt()
        self.writer = Writer(run, folder or HeldFolder(run.path), self.note, self.interrupt)
        self.known: dict[str, Record] = {}
        self.running: dict[int, _Running] = {}
        self.started = time.monotonic()
        self.crash, self._is_stopped, self._crashes = "", False, Crashes()
        self.proposals = Proposals(run.manifest, space, run.history)
        self.rungs = Rungs(run.manifest)
        news, crashed = without_crashes(run.history)
        for record in news:
            self._learn(record)
        self._retries = [self._retried(record) for record in crashed]
        self._tried_again = {record.trial for record in crashed}
        longest = max((record.seconds for record in self.known.values()), default=0.0)
        self.watch = Watch(run.manifest.asked.trial_time, longest)
        self._is_exhausted = False
        for note in self.proposals.notes:
            self.note(note)
        if crashed:
            numbers = ", ".join(str(record.trial) for record in crashed)
            self.note(f"tried again, for they failed by no fault of their own: trial {numbers}")

    def note(self, text: str) -> None:
        self.tell({"event": "note", "text": text})

    @property
    def is_interrupted(self) -> bool:
        return self.interrupt.asked

    @property
    def resume_command(self) -> str:
        return f"mlpnas search --resume --run {quote(self.run.place)}"

    def find_hung(self) -> dict[int, str]:
        return self.watch.overdue()

    def next_job(self) -> Job | None:
        """The next candidate to train; None where there is none yet, and none at all if it `is_over`."""
        while not self._is_ended():
            if self._retries:
                return self._job(*self._retries.pop(0))
            if going_on := self.rungs.next():
                return self._go_on(*going_on)
            if self._is_full():
                return self._last()
            proposed = self.proposals.next(self._begun_keys())
            if proposed is None:
                self._is_exhausted = True
                self.note("nothing new is left in the space within the budget")
            elif job := self._taken_up(*proposed):
                return job
        return None

    def is_over(self) -> bool:
        """After `next_job` gave None: whether it always will."""
        return self._is_ended() or (self._is_full() and not self.running)

    def _is_ended(self) -> bool:
        """Whether the time is up, all trials crash, or someone asked to end."""
        limit = self.run.manifest.asked.time
        is_late = limit is not None and time.monotonic() - self.started >= limit
        return self.interrupt.asked or self._is_stopped or is_late

    def _is_full(self) -> bool:
        """Whether enough trials were begun."""
        return self._is_exhausted or len(self._begun_keys()) >= self.run.manifest.asked.trials.number

    def _begun_keys(self) -> set[str]:
        return {*self.known, *(running.record.key for running in self.running.values())}

    def _taken_up(self, number: int, proposal: Proposal, origin: str) -> Job | None:
        """A job for something new; a repeat gets the result that is known."""
        key = proposal.sample.spec.key
        if any(running.record.key == key for running in self.running.values()):
            self.proposals.tell(self._begun(number, proposal, "duplicate"))
        elif known := self.known.get(key):
            now = time.time()
            told = {name: getattr(known, name) for name in ("status", "values", "epochs", "error")}
            self._keep(replace(self._begun(number, proposal, "duplicate"), **told, started=now, finished=now), [])
        else:
            return self._job(self._begun(number, proposal, origin), self.rungs.first)
        return None

    def _begun(self, number: int, proposal: Proposal, origin: str) -> Record:
        """What is known of a trial before it is trained."""
        sample, manifest = proposal.sample, self.run.manifest
        return Record(
            trial=number,
            key=sample.spec.key,
            spec=sample.spec.dumps(),
            answers=sample.answers,
            status="stopped",
            origin=origin,
            values=dict(sample.costs),
            seed=manifest.asked.seed,
            recipe=json.dumps(manifest.decided.recipe, sort_keys=True, separators=(",", ":")),
            sampler_state=proposal.state,
        )

    def _retried(self, record: Record) -> tuple[Record, int]:
        """What is known of a trial that crashed, and up to which epoch it is tried again, from its last stop."""
        stopped = self.known.get(record.key)
        if stopped is not None and stopped.trial == record.trial and stopped.status == "stopped":
            return stopped, self.rungs.retry(stopped)
        costs = {name: value for name, value in record.values.items() if name in QUANTITIES}
        untried = replace(record, status="stopped", values=costs, epochs=0, seconds=0.0, error="", fault="", weights="")
        return untried, self.rungs.first

    def _go_on(self, trial: int, until: int) -> Job:
        record = next(r for r in reversed(self.run.history) if r.trial == trial and r.origin != "duplicate")
        return self._job(record, until)

    def _last(self) -> Job | None:
        """No search ends without a whole training, if there is anything to train."""
        is_any_done = any(record.is_done for record in self.known.values())
        going_on = None if self.running or is_any_done else self.rungs.foremost()
        return self._go_on(*going_on) if going_on else None

    def _job(self, record: Record, until: int) -> Job:
        self.running[record.trial] = _Running(record)
        self.tell({"event": "start", **beginning(record)})
        manifest = self.run.manifest
        asked = [name for name in worker_objectives(manifest) if not record.epochs or need_training([name])]
        left = None if manifest.asked.trial_time is None else max(manifest.asked.trial_time - record.seconds, 1.0)
        return Job(
            trial=record.trial,
            spec=record.spec,
            recipe=manifest.decided.recipe,
            data=manifest.decided.data,
            objectives=tuple(asked),
            limits={name: bound for name, bound in manifest.decided.limits.items() if name in asked},
            seed=manifest.asked.seed,
            weights=weights.file_of(self.run, record.trial),
            until=until,
            restored_from=weights.state_of(self.run, record.trial, record.epochs) if record.epochs else "",
            checkpoint=weights.state_of(self.run, record.trial, until) if manifest.decided.fidelity else "",
            device=manifest.decided.device,
            time_limit=left,
        )

    def begin(self, trial: int) -> None:
        """A worker takes up the candidate; again, where an earlier one died."""
        running = self.running[trial]
        running.start()
        self.watch.begin(trial)

    def requeue(self, trial: int, reason: str) -> None:
        """A candidate has lost its worker and waits for another one."""
        self.watch.end(trial)
        self.note(f"trial {trial} begins again: {reason}")

    def report(self, trial: int, row: EpochRow) -> None:
        """A candidate has trained one more epoch."""
        running = self.running[trial]
        if row.epoch > running.record.epochs:  # else its state was lost, and it catches up
            running.curve.append(row)
        self.watch.sign(trial)
        told = dict(row.values) | {"loss": row.values.get("val_loss")}
        self.tell({"event": "epoch", "trial": trial, "epoch": row.epoch, **told})

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
        before = running.record
        trained = [row.epoch for row in running.curve]
        record = replace(
            before,
            status=outcome.status,
            values={**before.values, **outcome.values},
            epochs=max(before.epochs, outcome.epochs, *trained),
            seconds=before.seconds + outcome.seconds,
            device=outcome.device,
            error=outcome.error,
            fault=outcome.fault,
            weights=weights.relative(outcome.weights),
            started=running.started,
            finished=running.started + time.monotonic() - running.clock,
        )
        self._keep(record, running.curve)

    def _keep(self, record: Record, curve: list[EpochRow]) -> None:
        try:
            self.writer.keep(record, curve)
        except Lost:
            self.tell({"event": "lost", "trial": record.trial})
            raise
        self.run.history.append(record)
        self.proposals.tell(record)
        if self._learn(record):
            self._look_for_crashes(record)
        self._settle_reference(record)
        self.tell({"event": "trial", **summary(record)})
        self._prune_weights()

    def _look_for_crashes(self, record: Record) -> None:
        """End the search where new trials crash alike; what crashes again may do so for good and holds up nothing."""
        alike = self._crashes.take(record)
        if not self._is_stopped:
            self.crash = alike[0].error if alike else ""
            self._is_stopped = self._crashes.are_too_many([one for one in alike if one.trial not in self._tried_again])

    def _learn(self, record: Record) -> bool:
        """Whether a record says something new of its architecture, which a repeat does not."""
        if is_news := record.origin != "duplicate":
            self.known[record.key] = record
            self.rungs.take(record)
        return is_news

    def _settle_reference(self, record: Record) -> None:
        if found := reference.found_by(record, self.run.manifest):
            manifest = self.run.manifest
            self.run.manifest = manifest.deciding(reference={**manifest.decided.reference, **found})
            self.writer.write(partial(self.run.manifest.write, self.run.path))

    def _prune_weights(self) -> None:
        """Weights are kept of the front, states of what may go on, both of what is running; no others are needed."""
        kept = {record.weights for record in self.run.front()}
        if self.run.done():
            kept.add(self.run.best().weights)
        kept |= {weights.state_name(trial, epochs) for trial, epochs in self.rungs.hopeful()}
        stops = stops_before_crashes(self.run.history) if self.run.manifest.decided.fidelity else []
        kept |= {weights.state_name(record.trial, record.epochs) for record in stops}
        weights.prune(self.run, kept, self.running)
