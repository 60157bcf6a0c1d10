"""A pool of workers that live as long as the jobs: for jobs that take seconds, or train nothing.

The pool does not know what its workers are; see `Workers`.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Protocol

from mlpnas.engine.jobs import Jobs, pass_on
from mlpnas.engine.scheduling.crashes import DEATHS, outcome_of_killed
from mlpnas.errors import RunError
from mlpnas.job import Job, Outcome, step_from_json

Answer = Mapping[str, Any]
_FALSE_STARTS = 3  # of each worker, with none that starts between, after which none ever will


class Workers(Protocol):
    """Processes, each of which is asked one thing at a time.

    They answer {"ready": True} to start_worker, {"begun": True} to begin, a step in JSON or {"fatal": text} to step,
    and {"died": reason} at any time. A worker that was killed needs not answer.
    """

    def start_worker(self) -> Hashable: ...

    def begin(self, worker: Any, job: Job) -> None: ...

    def step(self, worker: Any) -> None: ...

    def answers(self) -> Iterable[tuple[Hashable, Answer]]: ...

    def kill(self, worker: Any) -> None: ...


class Pool:
    """Keeps `count` workers busy with jobs, and replaces those that die or hang."""

    def __init__(self, jobs: Jobs, workers: Workers, count: int) -> None:
        self.jobs, self.workers, self.count = jobs, workers, count
        self._idle: list[Hashable] = []
        self._running: dict[Hashable, Job] = {}
        self._requeued: list[Job] = []
        self._deaths: Counter[int] = Counter()
        self._hung: dict[int, str] = {}
        self._is_over = False
        self._false_starts = 0

    def run(self) -> None:
        """Run the jobs until there are no more.

        Raises:
            RunError: no worker starts, or none could evaluate anything.
            KeyboardInterrupt: someone asked to end, and the workers' machinery swallowed the signal.
        """
        for _ in range(self.count):
            self.workers.start_worker()
        while self._hand_out():
            for worker, answer in self.workers.answers():
                self._handle(worker, answer)
            self._kill_hung()
            if self.jobs.is_interrupted:
                raise KeyboardInterrupt

    def _hand_out(self) -> bool:
        """Give jobs to idle workers; return whether there is anything left to wait for."""
        while self._idle and (job := self._next_job()):
            worker = self._idle.pop()
            self._running[worker] = job
            self.workers.begin(worker, job)
        return bool(self._running) or not self._idle

    def _next_job(self) -> Job | None:
        if self._requeued:
            return self._requeued.pop()
        job = None if self._is_over else self.jobs.next_job()
        self._is_over = job is None and self.jobs.is_over()
        return job

    def _handle(self, worker: Hashable, answer: Answer) -> None:
        if "died" in answer:
            self._replace(worker, answer["died"])
        elif "ready" in answer:
            self._false_starts = 0
            self._idle.append(worker)
        elif "fatal" in answer:
            raise RunError(answer["fatal"])
        elif isinstance(step := step_from_json(answer), Outcome):
            self._finish(worker, step)
        else:
            trial = self._running[worker].trial
            self.jobs.begin(trial) if step is None else pass_on(self.jobs, trial, step)
            self.workers.step(worker)

    def _finish(self, worker: Hashable, outcome: Outcome) -> None:
        job = self._running.pop(worker)
        del self._deaths[job.trial]  # the trial may come back, to be promoted
        if outcome.ends_worker:
            self.workers.kill(worker)
            self.workers.start_worker()
        else:
            self._idle.append(worker)
        self.jobs.finish(job.trial, outcome)

    def _replace(self, worker: Hashable, reason: str) -> None:
        """Start another worker, and requeue the job; one that hung, or has lost too many workers, has failed."""
        job = self._running.pop(worker, None)
        self._false_starts += job is None
        if self._false_starts >= _FALSE_STARTS * self.count:
            raise RunError(f"no worker starts: {reason}; `mlpnas doctor` may know why")
        self.workers.start_worker()
        if job is None:
            return
        self._deaths[job.trial] += 1
        if job.trial in self._hung or self._deaths[job.trial] == DEATHS:
            self.jobs.finish(job.trial, outcome_of_killed(self._hung.get(job.trial), reason))
        else:
            self._requeued.append(job)
            self.jobs.requeue(job.trial, reason)

    def _kill_hung(self) -> None:
        hung = self.jobs.find_hung()
        for worker, job in self._running.items():
            if job.trial in hung and job.trial not in self._hung:
                self._hung[job.trial] = hung[job.trial]
                self.workers.kill(worker)
