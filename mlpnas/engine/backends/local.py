"""The local backend: one candidate after the other in this process. Needs no Ray, and cannot end what hangs."""

from contextlib import AbstractContextManager, nullcontext
from shlex import quote

from mlpnas.engine.driver import Driver
from mlpnas.errors import RunError
from mlpnas.evaluators.proxy_training import ProxyTraining
from mlpnas.job import Note, Outcome, Waiting
from mlpnas.manifest import Manifest


class Local:
    """See backend.Backend."""

    def ready(self, manifest: Manifest) -> AbstractContextManager[None]:
        return nullcontext()

    def run(self, driver: Driver) -> None:
        evaluator = ProxyTraining()
        while (job := driver.next_job()) is not None:
            evaluator.prepare(job)
            driver.begin(job.trial)
            for step in evaluator.run(job):
                if isinstance(step, Outcome):
                    driver.finish(job.trial, step)
                    if step.ends_worker:
                        raise RunError(
                            f"{driver.run.place}: trial {job.trial} left this process's GPU unusable ({step.error}). "
                            f"Everything is kept: go on with `mlpnas search --resume --run {quote(driver.run.place)}`; "
                            "with `--backend ray` such a worker is replaced"
                        )
                elif isinstance(step, Waiting):
                    driver.wait(job.trial, step)
                elif isinstance(step, Note):
                    driver.note(f"trial {job.trial}: {step.text}")
                else:
                    driver.report(job.trial, step)
