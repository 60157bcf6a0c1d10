"""The pool with scripted workers: their answers and their deaths are written down beforehand."""

from collections.abc import Iterator
from dataclasses import asdict
from math import inf
from pathlib import Path
from typing import Any

import pytest

from mlpnas.engine.backends._pool import Answer, Pool
from mlpnas.engine.interrupt import Interrupt
from mlpnas.engine.scheduling import hang_detector
from mlpnas.errors import RunError
from mlpnas.job import Job, Outcome
from mlpnas.run import Run
from tests.support.drivers import new_driver
from tests.support.epochs import epoch_row

DONE = {"outcome": asdict(Outcome("done", {"top1": 0.5}, 1, 0.1))}
DEATH = {"died": "it was killed"}


class Scripted:
    """Workers that answer to each trial as the script says, and with success after its end; None: never."""

    def __init__(self, script: dict[int, list[Answer | None]] | None = None, false_starts: float = 0) -> None:
        self.script, self.false_starts = script or {}, false_starts
        self.started = 0
        self.trials: dict[int, int] = {}
        self.answered: list[tuple[int, Answer]] = []
        self.most_at_once = 0

    def start_worker(self) -> int:
        self.started += 1
        self.answered.append((self.started, DEATH if self.started <= self.false_starts else {"ready": True}))
        return self.started

    def begin(self, worker: int, job: Job) -> None:
        self.trials[worker] = job.trial
        self.most_at_once = max(self.most_at_once, len(self.trials))
        self.answered.append((worker, {"begun": True}))

    def step(self, worker: int) -> None:
        left = self.script.get(self.trials[worker], [])
        answer = left.pop(0) if left else DONE
        if answer is not None:
            self.answered.append((worker, answer))

    def kill(self, worker: int) -> None:
        self.answered.append((worker, DEATH))

    def answers(self) -> Iterator[tuple[int, Answer]]:
        answered, self.answered = self.answered, []
        for worker, answer in answered:
            if not {"outcome", "died"}.isdisjoint(answer):
                self.trials.pop(worker, None)
            yield worker, answer


def _search(folder: Path, workers: Scripted, count: int = 2, **changes: Any) -> tuple[Run, list[dict[str, Any]]]:
    driver, events = new_driver(folder, trials=4, **changes)
    Pool(driver, workers, count).run()
    return Run(folder), events


def test_all_workers_are_kept_busy_and_none_is_replaced(tmp_path: Path) -> None:
    row = {"row": asdict(epoch_row(0, 1))}
    workers = Scripted({0: [row, {"waiting": {"reason": "no room"}}]})
    run, events = _search(tmp_path, workers)
    assert [record.status for record in run.records if record.origin != "duplicate"] == ["done"] * 4
    assert (workers.started, workers.most_at_once) == (2, 2)
    assert run.epochs().num_rows == 1
    assert {"event": "note", "text": "trial 0 waits: no room"} in events


def test_a_trial_of_a_dead_worker_is_requeued(tmp_path: Path) -> None:
    workers = Scripted({1: [DEATH]})
    run, events = _search(tmp_path, workers)
    assert {record.status for record in run.records} == {"done"}
    assert workers.started == 3
    assert {"event": "note", "text": "trial 1 begins again: it was killed"} in events


def test_a_trial_that_loses_three_workers_has_failed(tmp_path: Path) -> None:
    run, _ = _search(tmp_path, Scripted({0: [DEATH, DEATH], 1: [DEATH, DEATH, DEATH]}))
    assert [(r.trial, r.error) for r in run.records if r.status == "failed"] == [(1, "it was killed; 3 times")]
    assert sum(record.is_done and record.origin != "duplicate" for record in run.records) == 3


def test_a_worker_that_hangs_is_killed_and_its_trial_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(0, 10**6, 5))
    monkeypatch.setattr(hang_detector, "monotonic", lambda: next(seconds))
    run, _ = _search(tmp_path, Scripted({0: [None]}), trial_time=60.0)
    (failed,) = [record for record in run.records if record.status == "failed"]
    assert failed.trial == 0
    assert failed.error.startswith("time limit 60s reached; the worker hung")


def test_workers_that_never_start_end_the_search(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no worker starts: it was killed"):
        _search(tmp_path, Scripted(false_starts=inf))


def test_an_error_that_every_job_would_meet_ends_the_search(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such file"):
        _search(tmp_path, Scripted({0: [{"fatal": "no such file"}]}))


def test_workers_that_are_lost_while_starting_are_replaced(tmp_path: Path) -> None:
    """A node may leave the cluster while most workers start on it."""
    workers = Scripted(false_starts=5)
    run, _ = _search(tmp_path, workers, count=4)
    assert sum(record.is_done and record.origin != "duplicate" for record in run.records) == 4
    assert workers.started == 9


def test_epochs_are_reported_live_and_again_after_a_death(tmp_path: Path) -> None:
    rows = [{"row": asdict(epoch_row(0, epoch))} for epoch in (1, 2, 3)]
    run, events = _search(tmp_path, Scripted({0: [*rows[:2], DEATH, *rows]}))
    assert [event["epoch"] for event in events if event["event"] == "epoch"] == [1, 2, 1, 2, 3]
    assert [row.epoch for row in run.store.curves()[0]] == [1, 2, 3]


def test_a_trial_over_its_time_limit_keeps_its_worker(tmp_path: Path) -> None:
    late = {"outcome": asdict(Outcome("failed", error="time limit 60s reached after 1 epoch"))}
    workers = Scripted({0: [late]})
    run, _ = _search(tmp_path, workers, trial_time=60.0)
    assert [record.error for record in run.records if record.status == "failed"] == [late["outcome"]["error"]]
    assert workers.started == 2


def test_a_lost_interrupt_still_ends_the_search(tmp_path: Path) -> None:
    driver, _ = new_driver(tmp_path, trials=4)
    driver.interrupt = Interrupt()
    workers = Scripted({0: [None], 1: [None]})
    begin = workers.begin

    def swallow(worker: int, job: Job) -> None:
        begin(worker, job)
        driver.interrupt.is_requested = True

    workers.begin = swallow  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        Pool(driver, workers, 2).run()
