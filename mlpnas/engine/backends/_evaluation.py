"""What a worker of the ray backend does; it needs no Ray, and starts sooner without it."""

from contextlib import suppress
from dataclasses import asdict
from typing import Any

from mlpnas.errors import MlpnasError
from mlpnas.evaluators.proxy_training import ProxyTraining
from mlpnas.job import Job, Note, Outcome, Waiting
from mlpnas.record import EpochRow

_KINDS = {EpochRow: "row", Waiting: "waiting", Note: "note", Outcome: "outcome"}


class Evaluation:
    """Takes a job, hands back an epoch a step, then its outcome; then takes the next job."""

    def ready(self) -> dict[str, Any]:
        return {"ready": True}

    def begin(self, job: str) -> dict[str, Any]:
        asked, evaluator = Job.loads(job), ProxyTraining()
        with suppress(MlpnasError):  # `step` will tell of it
            evaluator.prepare(asked)
        self.steps = evaluator.run(asked)
        return {"begun": True}

    def step(self) -> dict[str, Any]:
        try:
            step = next(self.steps)
        except MlpnasError as error:  # of data or recipe: no other candidate would fare better
            return {"fatal": str(error)}
        return {_KINDS[type(step)]: asdict(step)}
