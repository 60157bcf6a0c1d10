"""The local backend: one job after the other in this process. It needs no package, and cannot end what hangs."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

from mlpnas.engine.devices import Devices, ThisMachine
from mlpnas.engine.jobs import Jobs, Placement, pass_on
from mlpnas.errors import RunError
from mlpnas.evaluators import evaluator_of
from mlpnas.job import Outcome


class Local:
    """See backends.Backend."""

    packages: ClassVar[Mapping[str, str]] = {}
    is_parallel = False
    has_clusters = False
    ends_hung_workers = False
    schedulers = ("",)

    def __init__(self, placement: Placement) -> None: ...

    @staticmethod
    def choose_scheduler(seconds: float) -> tuple[str, str]:
        return "", ""

    @staticmethod
    def devices(address: str) -> AbstractContextManager[Devices]:
        return nullcontext(ThisMachine())

    def ready(self) -> AbstractContextManager[None]:
        return nullcontext()

    def run(self, jobs: Jobs) -> None:
        while (job := jobs.next_job()) is not None:
            evaluator = evaluator_of(job)
            evaluator.prepare(job)
            jobs.begin(job.trial)
            for step in evaluator.run(job):
                pass_on(jobs, job.trial, step)
                if isinstance(step, Outcome) and step.ends_worker:
                    raise RunError(
                        f"trial {job.trial} left this process's GPU unusable ({step.error}). Everything is kept: go on "
                        f"with `{jobs.resume_command}`; with `--backend ray` such a worker is replaced"
                    )
