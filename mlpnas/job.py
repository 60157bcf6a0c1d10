"""What a worker is given (Job) and what it hands back (Outcome): plain data, JSON both ways.

An evaluator turns one into the other. Neither knows Ray, Optuna or the store.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from mlpnas.record import EpochRow

TIME_LIMIT = "time limit"  # how the error of a trial that took too long begins


@dataclass(frozen=True)
class Job:
    """One candidate to evaluate.

    Attributes:
        spec: canonical JSON of the architecture as declared; recipe, data: JSON objects.
        objectives: names of those that are only known after training (top1, loss, latency).
        limits: upper bounds on measured objectives (latency, seconds).
        weights: path or URI the trained weights are written to, or "".
        until: epochs after which the training stops for now; None: the recipe's.
        restored_from: path or URI of the state that the training goes on from; it begins anew where there is none.
        checkpoint: path or URI the state is written to where the training stops for now, or "". Another one, so that
            who repeats the job, its result being lost, finds the state that it began with.
        time_limit: seconds of wall time, or None.
    """

    trial: int
    spec: str
    recipe: Mapping[str, Any]
    data: Mapping[str, Any]
    objectives: tuple[str, ...] = ("top1",)
    limits: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    weights: str = ""
    until: int | None = None
    restored_from: str = ""
    checkpoint: str = ""
    device: str = "cpu"
    threads: int = 1
    time_limit: float | None = None

    def dumps(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> "Job":
        data = json.loads(text)
        return cls(**data | {"objectives": tuple(data["objectives"])})


@dataclass(frozen=True)
class Outcome:
    """How a job ended; `status` is one of record.STATUSES: "stopped" after `until`, "done" after the last epoch.

    Attributes:
        epochs: behind the training, earlier jobs' included. seconds: of this job.
        fault: of a failure, see record.Record.
        ends_worker: the process that it comes from can evaluate nothing more.
    """

    status: str
    values: Mapping[str, float] = field(default_factory=dict)
    epochs: int = 0
    seconds: float = 0.0
    device: str = ""
    error: str = ""
    fault: str = ""
    weights: str = ""
    ends_worker: bool = False


@dataclass(frozen=True)
class Waiting:
    """The job cannot go on for a reason outside it; said again every few seconds, as a sign of life."""

    reason: str


@dataclass(frozen=True)
class Note:
    """Something that people should know of the job."""

    text: str


Step = EpochRow | Waiting | Note | Outcome


class Evaluator(Protocol):
    """Judges candidates, one at a time, in a worker process.

    `prepare` does what is needed once in a process, like loading the data; it counts for no job's time.
    `run` yields an EpochRow after every epoch of this job, Waiting while it must, Notes, and one Outcome last. What a
    candidate does wrong (memory, NaN, crash) is an Outcome with its status and reason, never an exception; only
    MlpnasError about data or recipe, which no other candidate would survive either, is raised. Closing the iterator
    early stops the training and frees its memory.
    """

    def prepare(self, job: Job) -> None: ...

    def run(self, job: Job) -> Iterator[Step]: ...
