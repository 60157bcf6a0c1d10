"""A pool of workers that live as long as the search: for trials that take seconds, or train nothing.

The pool knows nothing of what its workers are; see `Workers`.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Protocol

from mlpnas.engine.driver import Driver
from mlpnas.engine.scheduling.crashes import DEATHS, killed
from mlpnas.errors import RunError
from mlpnas.job import Job, Outcome, Waiting
from mlpnas.record import EpochRow

Answer = Mapping[str, Any]
_FALSE_STARTS = 3  # of each worker, with none that starts between, after which none ever will


class Workers(Protocol):
    """Processes, each of which is asked one thing at a time.

    Answers: {"ready": True} to hire, {"begun": True} to begin, then {"row": ...}, {"waiting": ...}, {"note": ...},
    {"outcome": ...} or {"fatal": text} to go_on, and {"died": reason} at any time. Who is killed needs not answer.
    """

    def hire(self) -> Hashable: ...

    def begin(self, worker: Any, job: Job) -> None: ...

    def go_on(self, worker: Any) -> None: ...

    def answers(self) -> Iterable[tuple[Hashable, Answer]]: ...

    def kill(self, worker: Any) -> None: ...


class Pool:
    """Keeps `count` workers busy with the driver's jobs; one that dies or hangs is replaced."""

    def __init__(self, driver: Driver, workers: Workers, count: int) -> None:
        self.driver, self.workers, self.count = driver, workers, count
        self._idle: list[Hashable] = []
        self._jobs: dict[Hashable, Job] = {}
        self._again: list[Job] = []
        self._deaths: Counter[int] = Counter()
        self._hung: dict[int, str] = {}
        self._is_over = False
        self._false_starts = 0

    def run(self) -> None:
        """Until the driver has no more jobs.

        Raises:
            RunError: no worker starts, or none could evaluate anything.
            KeyboardInterrupt: someone asked to end, and the signal's own got lost in the workers' machinery.
        """
        for _ in range(self.count):
            self.workers.hire()
        while self._hand_out():
            for worker, answer in self.workers.answers():
                self._take(worker, answer)
            self._kill_what_hangs()
            if self.driver.interrupt.asked:
                raise KeyboardInterrupt

    def _hand_out(self) -> bool:
        """Jobs to the idle; whether there is anything left to wait for."""
        while self._idle and (job := self._next()):
            worker = self._idle.pop()
            self._jobs[worker] = job
            self.workers.begin(worker, job)
        return bool(self._jobs) or not self._idle

    def _next(self) -> Job | None:
        if self._again:
            return self._again.pop()
        job = None if self._is_over else self.driver.next_job()
        self._is_over = job is None and self.driver.is_over()
        return job

    def _take(self, worker: Hashable, answer: Answer) -> None:
        if "died" in answer:
            self._replace(worker, answer["died"])
        elif "ready" in answer:
            self._false_starts = 0
            self._idle.append(worker)
        elif "fatal" in answer:
            raise RunError(answer["fatal"])
        elif "outcome" in answer:
            outcome, job = Outcome(**answer["outcome"]), self._jobs.pop(worker)
            del self._deaths[job.trial]  # it may come back, to be trained on
            if outcome.ends_worker:
                self.workers.kill(worker)
                self.workers.hire()
            else:
                self._idle.append(worker)
            self.driver.finish(job.trial, outcome)
        else:
            self._tell(self._jobs[worker].trial, answer)
            self.workers.go_on(worker)

    def _tell(self, trial: int, answer: Answer) -> None:
        if "begun" in answer:
            self.driver.begin(trial)
        elif "row" in answer:
            self.driver.report(trial, EpochRow(**answer["row"]))
        elif "note" in answer:
            self.driver.note(f"trial {trial}: {answer['note']['text']}")
        else:
            self.driver.wait(trial, Waiting(**answer["waiting"]))

    def _replace(self, worker: Hashable, reason: str) -> None:
        """Another worker takes up the job; of one that hung, or cost too many, the end is a failure."""
        job = self._jobs.pop(worker, None)
        self._false_starts += job is None
        if self._false_starts >= _FALSE_STARTS * self.count:
            raise RunError(f"no worker starts: {reason}; `mlpnas doctor` may know why")
        self.workers.hire()
        if job is None:
            return
        self._deaths[job.trial] += 1
        if job.trial in self._hung or self._deaths[job.trial] == DEATHS:
            self.driver.finish(job.trial, killed(self._hung.get(job.trial), reason))
        else:
            self._again.append(job)
            self.driver.requeue(job.trial, reason)

    def _kill_what_hangs(self) -> None:
        overdue = self.driver.watch.overdue()
        for worker, job in self._jobs.items():
            if job.trial in overdue and job.trial not in self._hung:
                self._hung[job.trial] = overdue[job.trial]
                self.workers.kill(worker)
