"""The work of a worker of the ray backend. It needs no Ray, and starts sooner without it."""

from contextlib import suppress
from typing import Any

from mlpnas.errors import MlpnasError
from mlpnas.evaluators import evaluator_of
from mlpnas.job import Job, step_to_json


class Evaluation:
    """Evaluates jobs, one step at a time, and answers in JSON: see _pool.Workers."""

    def ready(self) -> dict[str, Any]:
        """Answer that the worker has started."""
        return {"ready": True}

    def begin(self, text: str) -> dict[str, Any]:
        """Begin a job."""
        job = Job.loads(text)
        evaluator = evaluator_of(job)
        with suppress(MlpnasError):  # `step` raises it again
            evaluator.prepare(job)
        self.steps = evaluator.run(job)
        return {"begun": True}

    def step(self) -> dict[str, Any]:
        """Return the next step of the job, or an error that no other job would survive either."""
        try:
            return step_to_json(next(self.steps))
        except MlpnasError as error:
            return {"fatal": str(error)}
