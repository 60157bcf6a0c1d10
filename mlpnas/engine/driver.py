"""The driver: decides what is tried next, and keeps what becomes of it.

All state is rebuilt from the store when it starts, so that a resumed run is an ordinary one with a past.
"""

import time
from functools import partial
from shlex import quote

from mlpnas.engine.events import Listener, beginning, summary
from mlpnas.engine.interrupt import Interrupt
from mlpnas.engine.planning import reference
from mlpnas.engine.run_folder import weights
from mlpnas.engine.run_folder.folder import HeldFolder
from mlpnas.engine.run_folder.writer import Lost, Writer
from mlpnas.engine.scheduling.crashes import CrashGuard, stops_before_crashes, without_crashes
from mlpnas.engine.scheduling.hang_detector import HangDetector
from mlpnas.engine.scheduling.proposals import Proposals
from mlpnas.engine.scheduling.rungs import Rungs
from mlpnas.engine.trials import RunningTrial, job_of, new_record, repeated_record, untried_record
from mlpnas.job import Job, Outcome, Waiting
from mlpnas.record import EpochRow, Record
from mlpnas.run import Run
from mlpnas.samplers import Proposal
from mlpnas.space.space import SearchSpace


class Driver:
    """One search over one run folder: the source of jobs (see jobs.Jobs) of a backend.

    Args:
        listener: told every event, a JSON object with the key `event`.
        interrupt: once someone asks to end, nothing new is started.
        folder: the run's, which must stay where it is.

    Attributes:
        known: the latest record of every architecture, by key.
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
        self.running: dict[int, RunningTrial] = {}
        self.started = time.monotonic()
        self.proposals = Proposals(run.manifest, space, run.history)
        self.rungs = Rungs(run.manifest, space.quantities)
        results, crashed = without_crashes(run.history)
        for record in results:
            self._update_known(record)
        self._retries = [self._retry(record) for record in crashed]
        self._crashes = CrashGuard({record.trial for record in crashed})
        longest = max((record.seconds for record in self.known.values()), default=0.0)
        self._hang_detector = HangDetector(run.manifest.asked.trial_time, longest)
        self._is_exhausted = False
        for note in self.proposals.notes:
            self.note(note)
        if crashed:
            numbers = ", ".join(str(record.trial) for record in crashed)
            self.note(f"tried again, for they failed by no fault of their own: trial {numbers}")

    @property
    def is_interrupted(self) -> bool:
        return self.interrupt.is_requested

    @property
    def resume_command(self) -> str:
        return f"mlpnas search --resume --run {quote(self.run.place)}"

    @property
    def crash(self) -> str:
        """The error that the last trials had in common, too many of them, or ""."""
        return self._crashes.error

    def note(self, text: str) -> None:
        self.tell({"event": "note", "text": text})

    def next_job(self) -> Job | None:
        """Return the next job: what crashed before, then what is promoted, then something new."""
        while not self._has_ended():
            if self._retries:
                return self._start(*self._retries.pop(0))
            if promoted := self.rungs.promote_next():
                return self._promote(*promoted)
            if self._is_full():
                return self._promote_if_none_done()
            proposed = self.proposals.next(self._proposed_keys())
            if proposed is None:
                self._is_exhausted = True
                self.note("nothing new is left in the space within the budget")
            elif job := self._job_or_duplicate(*proposed):
                return job
        return None

    def is_over(self) -> bool:
        return self._has_ended() or (self._is_full() and not self.running)

    def _has_ended(self) -> bool:
        """Return whether the time is up, new trials crash alike, or someone asked to end."""
        limit = self.run.manifest.asked.time
        is_late = limit is not None and time.monotonic() - self.started >= limit
        return self.is_interrupted or self._crashes.has_ended_search or is_late

    def _is_full(self) -> bool:
        """Return whether enough trials were proposed."""
        return self._is_exhausted or len(self._proposed_keys()) >= self.run.manifest.asked.trials.number

    def _proposed_keys(self) -> set[str]:
        return {*self.known, *(running.record.key for running in self.running.values())}

    def _job_or_duplicate(self, number: int, proposal: Proposal, origin: str) -> Job | None:
        """Return the job of a new architecture; record one that is known, with its results, as a duplicate."""
        key = proposal.sample.spec.key
        is_running = any(running.record.key == key for running in self.running.values())
        is_new = not is_running and key not in self.known
        record = new_record(number, proposal, origin if is_new else "duplicate", self.run.manifest)
        if is_new:
            return self._start(record, self.rungs.first)
        if is_running:
            self.proposals.tell(record)
        else:
            self._keep(repeated_record(record, self.known[key]), [])
        return None

    def _retry(self, record: Record) -> tuple[Record, int]:
        """Return from where, and up to which epoch, a trial that crashed is tried again: from its last stop."""
        stopped = self.known.get(record.key)
        if stopped is not None and stopped.trial == record.trial and stopped.status == "stopped":
            return stopped, self.rungs.promote(stopped.trial, stopped.epochs)
        return untried_record(record), self.rungs.first

    def _promote(self, trial: int, until: int) -> Job:
        record = next(r for r in reversed(self.run.history) if r.trial == trial and r.origin != "duplicate")
        return self._start(record, until)

    def _promote_if_none_done(self) -> Job | None:
        """Return the job of the best stopped trial, so that no search ends without a full training."""
        is_any_done = any(record.is_done for record in self.known.values())
        promoted = None if self.running or is_any_done else self.rungs.promote_best_stopped()
        return self._promote(*promoted) if promoted else None

    def _start(self, record: Record, until: int) -> Job:
        self.running[record.trial] = RunningTrial(record)
        self.tell({"event": "start", **beginning(record)})
        return job_of(self.run, record, until)

    def begin(self, trial: int) -> None:
        self.running[trial].start()
        self._hang_detector.begin(trial)

    def requeue(self, trial: int, reason: str) -> None:
        self._hang_detector.end(trial)
        self.note(f"trial {trial} begins again: {reason}")

    def report(self, trial: int, row: EpochRow) -> None:
        self.running[trial].add(row)
        self._hang_detector.heartbeat(trial)
        values = dict(row.values) | {"loss": row.values.get("val_loss")}
        self.tell({"event": "epoch", "trial": trial, "epoch": row.epoch, **values})

    def wait(self, trial: int, step: Waiting) -> None:
        running = self.running[trial]
        if not running.is_waiting:
            self.note(f"trial {trial} waits: {step.reason}")
        running.is_waiting = True
        self._hang_detector.begin(trial)

    def find_hung(self) -> dict[int, str]:
        return self._hang_detector.find_hung()

    def finish(self, trial: int, outcome: Outcome) -> None:
        """Keep the outcome on disk first, and tell it afterwards."""
        running = self.running.pop(trial)
        self._hang_detector.end(trial, outcome.seconds)
        self._keep(running.record_after(outcome), running.curve)

    def _keep(self, record: Record, curve: list[EpochRow]) -> None:
        try:
            self.writer.keep(record, curve)
        except Lost:
            self.tell({"event": "lost", "trial": record.trial})
            raise
        self.run.history.append(record)
        self.proposals.tell(record)
        if record.origin != "duplicate":
            self._update_known(record)
            self._crashes.take(record)
        self._update_reference(record)
        self.tell({"event": "trial", **summary(record)})
        stops = [*self.rungs.promotable(), *self._stops_before_crashes()]
        weights.prune(self.run, stops, self.running)

    def _update_known(self, record: Record) -> None:
        self.known[record.key] = record
        self.rungs.take(record)

    def _update_reference(self, record: Record) -> None:
        if found := reference.found_by(record, self.run.manifest):
            manifest = self.run.manifest
            self.run.manifest = manifest.with_decisions(reference={**manifest.decided.reference, **found})
            self.writer.write(partial(self.run.manifest.write, self.run.path))

    def _stops_before_crashes(self) -> list[tuple[int, int]]:
        stops = stops_before_crashes(self.run.history) if self.run.manifest.decided.fidelity else []
        return [(record.trial, record.epochs) for record in stops]
