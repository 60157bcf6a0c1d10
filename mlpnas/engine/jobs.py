"""The two things that a backend is given: a source of jobs, like a search (driver.py), and their placement."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from mlpnas.job import Job, Note, Outcome, Step, Waiting
from mlpnas.record import EpochRow


class Jobs(Protocol):
    """A source of jobs, which is told what becomes of each. Jobs are named by their trial, which no two running share.

    Attributes:
        is_interrupted: whether someone asked to end.
        resume_command: the command that goes on with what is left, for messages.
    """

    @property
    def is_interrupted(self) -> bool: ...

    @property
    def resume_command(self) -> str: ...

    def next_job(self) -> Job | None:
        """Return the next job, or None if there is none now; then `is_over` says whether one will come."""
        ...

    def is_over(self) -> bool:
        """Return whether `next_job`, which has returned None, always will."""
        ...

    def begin(self, trial: int) -> None:
        """Note that a worker starts the job, or starts it again after the death of another worker."""
        ...

    def report(self, trial: int, row: EpochRow) -> None:
        """Take one more epoch of a job."""
        ...

    def wait(self, trial: int, step: Waiting) -> None:
        """Note that a job waits for something outside it, and that its time limit does not count meanwhile."""
        ...

    def note(self, text: str) -> None:
        """Show a text to people."""
        ...

    def requeue(self, trial: int, reason: str) -> None:
        """Note that a job has lost its worker and waits for another one."""
        ...

    def finish(self, trial: int, outcome: Outcome) -> None:
        """Take the outcome of a job; called once for each."""
        ...

    def find_hung(self) -> Mapping[int, str]:
        """Return the trials whose workers hang, each with the error that its outcome is to have."""
        ...


@dataclass(frozen=True)
class Placement:
    """The workers and machines that jobs run on.

    Attributes:
        workers: jobs at once; 0: as many as the machines hold.
        gpus_per_job: share of a GPU that each job has to itself.
        address: of a cluster, or "".
        scheduler: who hands out the jobs, one of the backend's schedulers.
    """

    workers: int = 1
    gpus_per_job: float = 0.0
    address: str = ""
    scheduler: str = ""


def pass_on(jobs: Jobs, trial: int, step: Step) -> None:
    """Tell `jobs` a step of a trial."""
    match step:
        case Outcome():
            jobs.finish(trial, step)
        case Waiting():
            jobs.wait(trial, step)
        case Note():
            jobs.note(f"trial {trial}: {step.text}")
        case EpochRow():
            jobs.report(trial, step)
