"""The local backend: one candidate after the other in this process. Needs no Ray."""

from mlpnas.engine.driver import Driver
from mlpnas.evaluators.proxy_training import ProxyTraining
from mlpnas.job import Outcome


class Local:
    """See driver.Backend."""

    def run(self, driver: Driver) -> None:
        evaluator = ProxyTraining()
        while (job := driver.next_job()) is not None:
            for step in evaluator.run(job):
                if isinstance(step, Outcome):
                    driver.finish(job.trial, step)
                else:
                    driver.report(job.trial, step)
