"""A job for a worker, and the steps that it hands back, an Outcome last: plain data, JSON both ways.

An evaluator turns one into the other. None of them knows Ray, Optuna or the store.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mlpnas.named import Named
from mlpnas.record import EpochRow

PROXY_TRAINING = Named("proxy_training")
TIME_LIMIT = "time limit"  # how the error of a trial that took too long begins


@dataclass(frozen=True)
class Job:
    """One architecture to evaluate.

    Attributes:
        spec: canonical JSON of the architecture as declared; recipe, data: JSON objects.
        objectives: names of those that the evaluator measures (top1, loss, latency).
        limits: upper limits of measured objectives (latency, seconds).
        weights: path or URI that the trained weights are written to, or "".
        until: epochs after which the training stops for now; None: the recipe's.
        restored_from: path or URI of the training state to go on from; where there is none, training starts anew.
        checkpoint: path or URI that the training state is written to where the training stops for now, or "". Never the
            same file as `restored_from`: if the result is lost and the job runs again, its starting state is still
            there.
        time_limit: seconds of wall time, or None.
        evaluator: who evaluates it: a file of mlpnas/evaluators, with options.
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
    evaluator: Named = PROXY_TRAINING

    def dumps(self) -> str:
        """Return the job as a JSON text."""
        return json.dumps(asdict(self) | {"evaluator": self.evaluator.to_json()})

    @classmethod
    def loads(cls, text: str) -> "Job":
        """Read what `dumps` returned, also one that names no evaluator."""
        data = json.loads(text)
        evaluator = Named.from_json(data.get("evaluator", PROXY_TRAINING.to_json()))
        return cls(**data | {"objectives": tuple(data["objectives"]), "evaluator": evaluator})


@dataclass(frozen=True)
class Outcome:
    """The end of a job; `status` is one of record.STATUSES: "stopped" after `until`, "done" after the last epoch.

    Attributes:
        epochs: trained in all, those of earlier jobs included. seconds: of this job.
        fault: of a failure, see record.Record.
        ends_worker: whether the process that it comes from can evaluate nothing more.
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
    """The job cannot go on for a reason outside it; repeated every few seconds, as a heartbeat."""

    reason: str


@dataclass(frozen=True)
class Note:
    """Something that people should know of the job."""

    text: str


Step = EpochRow | Waiting | Note | Outcome
_KINDS: Mapping[str, type[Step]] = {"row": EpochRow, "waiting": Waiting, "note": Note, "outcome": Outcome}


def step_to_json(step: Step) -> dict[str, Any]:
    """Return {the step's kind: its fields}."""
    kind = next(name for name, step_class in _KINDS.items() if isinstance(step, step_class))
    return {kind: asdict(step)}


def step_from_json(data: Mapping[str, Any]) -> Step | None:
    """Return the step of `step_to_json` in `data`, whatever else that holds; None if there is none."""
    return next((step_class(**data[kind]) for kind, step_class in _KINDS.items() if kind in data), None)
