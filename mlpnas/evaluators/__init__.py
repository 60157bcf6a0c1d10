"""Evaluators: one file judges an architecture in one way. They are found by the name that a job gives."""

from collections.abc import Generator
from typing import Protocol

from mlpnas.job import Job, Step
from mlpnas.plugins import choose


class Evaluator(Protocol):
    """Evaluates one job at a time, in a worker process; its options are keyword arguments of `__init__`.

    What an architecture does wrong (memory, NaN, a crash) is an Outcome with its status and reason. An exception is
    raised only for an MlpnasError about data or recipe, which no other job would survive either.
    """

    def prepare(self, job: Job) -> None:
        """Do what is needed once in a process, like loading the data; it counts for no job's time."""
        ...

    def run(self, job: Job) -> Generator[Step, None, None]:
        """Yield an EpochRow after every epoch of this job, Waiting and Notes where needed, and one Outcome last.

        Closing the generator early stops the training and frees its memory.
        """
        ...


def evaluator_of(job: Job) -> Evaluator:
    """Return the evaluator that a job names, with its options.

    Raises:
        UnknownName: no evaluator has this name. OptionError: the evaluator has no such option.
    """
    kind, options = choose("evaluators", job.evaluator)
    evaluator: Evaluator = kind(**options)
    return evaluator
