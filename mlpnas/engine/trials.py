"""The trials of a search: their records, before and after a job, and the jobs."""

import json
import time
from dataclasses import dataclass, field, replace

from mlpnas.engine.objectives import need_training, wanted_objectives
from mlpnas.engine.run_folder import weights
from mlpnas.job import Job, Outcome
from mlpnas.manifest import Manifest
from mlpnas.objectives import describe
from mlpnas.record import EpochRow, Record
from mlpnas.run import Run
from mlpnas.samplers import Proposal


@dataclass
class RunningTrial:
    """A trial whose job is running.

    Attributes:
        record: the trial before the job.
        curve: the epochs of the job that are new to the trial.
        is_waiting: whether the job has said that it waits.
        started: by the wall clock, which may be set; clock: the same moment by the monotonic clock.
    """

    record: Record
    curve: list[EpochRow] = field(default_factory=list)
    is_waiting: bool = False

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin the job, or begin it again without what an earlier worker has reported."""
        self.started, self.clock = time.time(), time.monotonic()
        self.curve = []

    def add(self, row: EpochRow) -> None:
        """Add an epoch; one that the trial knows is trained again because the training state was lost."""
        if row.epoch > self.record.epochs:
            self.curve.append(row)

    def record_after(self, outcome: Outcome) -> Record:
        """Return the record of the trial after the job."""
        before = self.record
        return replace(
            before,
            status=outcome.status,
            values={**before.values, **outcome.values},
            epochs=max(before.epochs, outcome.epochs, *(row.epoch for row in self.curve)),
            seconds=before.seconds + outcome.seconds,
            device=outcome.device,
            error=outcome.error,
            fault=outcome.fault,
            weights=weights.relative(outcome.weights),
            started=self.started,
            finished=self.started + time.monotonic() - self.clock,
        )


def new_record(number: int, proposal: Proposal, origin: str, manifest: Manifest) -> Record:
    """Return the record of a trial that nothing was trained for yet."""
    sample = proposal.sample
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


def repeated_record(record: Record, known: Record) -> Record:
    """Return the record of a trial that repeats a known architecture: it gets the results, and takes no time."""
    results = {name: getattr(known, name) for name in ("status", "values", "epochs", "error")}
    now = time.time()
    return replace(record, **results, started=now, finished=now)


def untried_record(record: Record) -> Record:
    """Return the record of a trial without the results of its training."""
    known = {name: value for name, value in record.values.items() if not describe(name).needs_training}
    return replace(record, status="stopped", values=known, epochs=0, seconds=0.0, error="", fault="", weights="")


def job_of(run: Run, record: Record, until: int) -> Job:
    """Return the job that trains a trial from where it has stopped up to epoch `until`.

    Objectives that the record holds already (the costs, and the latency of a trial that goes on) are not asked for.
    """
    manifest = run.manifest
    asked = [name for name in wanted_objectives(manifest) if need_training([name]) or name not in record.values]
    left = None if manifest.asked.trial_time is None else max(manifest.asked.trial_time - record.seconds, 1.0)
    return Job(
        trial=record.trial,
        spec=record.spec,
        recipe=manifest.decided.recipe,
        data=manifest.decided.data,
        objectives=tuple(asked),
        limits={name: limit for name, limit in manifest.decided.limits.items() if name in asked},
        seed=manifest.asked.seed,
        weights=weights.file_of(run, record.trial),
        until=until,
        restored_from=weights.state_of(run, record.trial, record.epochs) if record.epochs else "",
        checkpoint=weights.state_of(run, record.trial, until) if manifest.decided.fidelity else "",
        device=manifest.decided.device,
        time_limit=left,
    )
