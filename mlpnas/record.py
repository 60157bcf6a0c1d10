"""The record of one trial, finished or not: plain data that the store writes and samplers receive."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlpnas.errors import SpecError
from mlpnas.spec import ArchSpec

STATUSES = ("done", "stopped", "diverged", "out_of_memory", "failed", "over_budget")
FAILURES = ("diverged", "out_of_memory", "failed")
MACHINE = "machine"
ORIGINS = ("sampled", "published", "warm_start", "duplicate")


@dataclass(frozen=True)
class Record:
    """One row of the trials table.

    Attributes:
        trial: number in the run, from 0, in the order of proposing.
        key, spec: of the architecture; `spec` is its canonical JSON.
        answers: what the sampler decided, question path -> option.
        values: every objective and cost by name (top1, loss, macs, params, ...); latency in seconds.
            top1 is a share, 0 to 1.
        seconds: wall time of the evaluation. epochs: fully trained ones.
        recipe: canonical JSON of the recipe that was trained.
        fault: whose fault a status "failed" is: MACHINE (no driver, a CUDA error, the disk, a killed worker), so that
            nothing is known of the architecture and a resume tries it again; "": the architecture's.
        weights: file under the run folder with the trained weights, or "".
        sampler_state: what the sampler needs to rebuild itself, besides the answers and values.
    """

    trial: int
    key: str
    spec: str
    answers: Mapping[str, Any]
    status: str
    origin: str = "sampled"
    values: Mapping[str, float] = field(default_factory=dict)
    epochs: int = 0
    seconds: float = 0.0
    seed: int = 0
    device: str = ""
    error: str = ""
    fault: str = ""
    recipe: str = ""
    weights: str = ""
    started: float = 0.0
    finished: float = 0.0
    sampler_state: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        """Return whether its values may stand on the front."""
        return self.status == "done"

    def architecture(self) -> ArchSpec:
        """Return its architecture.

        Raises:
            SpecError: it is none; names the trial.
        """
        try:
            return ArchSpec.loads(self.spec)
        except SpecError as error:
            raise SpecError(f"trial {self.trial} is of no architecture ({error})") from None


def latest(history: Iterable[Record]) -> list[Record]:
    """Return the latest record of every trial, in the order of their numbers."""
    return [record for _, record in sorted({record.trial: record for record in history}.items())]


@dataclass(frozen=True)
class EpochRow:
    """One row of the epochs table: a point of a training curve.

    Attributes:
        values: what the evaluation on val returned, by the name of its column: val_loss, top1, ...
    """

    trial: int
    epoch: int
    train_loss: float
    seconds: float
    learning_rate: float
    values: Mapping[str, float] = field(default_factory=dict)
