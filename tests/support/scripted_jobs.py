"""A source of jobs that is no search: a list of jobs, and a log of what becomes of each."""

from mlpnas.job import Job, Outcome, Waiting
from mlpnas.record import EpochRow


class ScriptedJobs:
    """A list of jobs; see engine.jobs.Jobs.

    Args:
        hangs: trials that count as hung after their first epoch.
    """

    is_interrupted = False
    resume_command = "do it again"

    def __init__(self, jobs: list[Job], hangs: tuple[int, ...] = ()) -> None:
        self.waiting, self.hangs = list(jobs), hangs
        self.running: set[int] = set()
        self.most_at_once = 0
        self.log: list[tuple[int, str]] = []
        self.outcomes: dict[int, Outcome] = {}
        self.notes: list[str] = []

    def next_job(self) -> Job | None:
        if not self.waiting:
            return None
        job = self.waiting.pop(0)
        self.running.add(job.trial)
        self.most_at_once = max(self.most_at_once, len(self.running))
        return job

    def is_over(self) -> bool:
        return not self.waiting

    def begin(self, trial: int) -> None:
        assert trial in self.running
        self.log.append((trial, "begin"))

    def report(self, trial: int, row: EpochRow) -> None:
        assert row.trial == trial
        self.log.append((trial, "epoch"))

    def wait(self, trial: int, step: Waiting) -> None:
        self.log.append((trial, "wait"))

    def note(self, text: str) -> None:
        self.notes.append(text)

    def requeue(self, trial: int, reason: str) -> None:
        self.log.append((trial, "requeue"))

    def finish(self, trial: int, outcome: Outcome) -> None:
        self.running.remove(trial)
        self.log.append((trial, "finish"))
        self.outcomes[trial] = outcome

    def find_hung(self) -> dict[int, str]:
        return {trial: "it hung" for trial in self.hangs if trial in self.running and (trial, "epoch") in self.log}
