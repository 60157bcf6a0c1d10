"""Trials that failed by the machine's fault: a resume tries them again under their numbers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import mlpnas
from mlpnas.engine.driver import Driver
from mlpnas.engine.scheduling.crashes import without_crashes
from mlpnas.engine.search import search
from mlpnas.errors import RunError
from mlpnas.job import Job, Outcome
from mlpnas.nets.network import build
from mlpnas.record import MACHINE, Record
from mlpnas.run import Run
from mlpnas.space import SearchSpace
from mlpnas.training.recipe import Recipe
from tests.support.drivers import end, end_all, new_driver

FAST: dict[str, Any] = {
    "data": "digits",
    "backend": "local",
    "recipe": Recipe(epochs=1, samples=100, warmup_epochs=0),
}


def _next(driver: Driver) -> Job:
    job = driver.next_job()
    assert job
    return job


def _fail(driver: Driver, error: str, fault: str = "", status: str = "failed") -> int:
    job = _next(driver)
    driver.finish(job.trial, Outcome(status, error=error, fault=fault))
    return job.trial


def test_trials_that_the_machine_failed_are_retried_first(tmp_path: Path) -> None:
    driver, _ = new_driver(tmp_path, trials=4)
    end(driver, _next(driver))
    lost = _fail(driver, "CUDA error: unspecified launch failure", MACHINE)
    spec = Run(tmp_path).records[lost].spec
    end_all(driver)
    again, events = new_driver(tmp_path)
    assert {"event": "note", "text": f"tried again, for they failed by no fault of their own: trial {lost}"} in events
    job = _next(again)
    assert (job.trial, job.spec, job.restored_from) == (lost, spec, "")
    end(again, job, top1=0.7)
    assert again.next_job() is None
    assert again.is_over()
    run = Run(tmp_path)
    assert len([record for record in run.records if record.origin != "duplicate"]) == 4
    assert run.records[lost].status == "done"
    assert new_driver(tmp_path)[0].next_job() is None


@pytest.mark.parametrize(
    ("status", "error"),
    [("diverged", "loss is nan"), ("out_of_memory", "CUDA out of memory"), ("failed", "time limit 5s reached")],
)
def test_findings_about_an_architecture_stay_results(tmp_path: Path, status: str, error: str) -> None:
    driver, _ = new_driver(tmp_path, trials=3)
    for _ in range(3):
        _fail(driver, error, status=status)
    assert new_driver(tmp_path)[0].next_job() is None


def test_three_like_crashes_are_retried_until_repaired(tmp_path: Path) -> None:
    driver, _ = new_driver(tmp_path, trials=4)
    lost = [_fail(driver, f"RuntimeError: no such file ({number})") for number in range(3)]
    assert driver.crash
    assert driver.is_over()
    again, _ = new_driver(tmp_path)
    assert [_fail(again, f"RuntimeError: no such file ({number})") for number in range(3)] == lost
    last, _ = new_driver(tmp_path)
    jobs = [_next(last) for _ in range(4)]
    assert [job.trial for job in jobs[:3]] == lost
    for job in jobs:
        end(last, job)
    assert [record.status for record in Run(tmp_path).records] == ["done"] * 4


def test_a_permanent_crash_does_not_stop_a_search(tmp_path: Path) -> None:
    """Three architectures in a row may be at fault themselves; a resume tries them once more, and then others."""
    driver, _ = new_driver(tmp_path, trials=5)
    for number in range(3):
        _fail(driver, f"no such option {number}")
    again, _ = new_driver(tmp_path)
    for number in range(3):
        _fail(again, f"no such option {number}")
    assert again.crash
    end(again, _next(again))
    end(again, _next(again))
    assert not again.crash
    assert again.next_job() is None
    assert [record.status for record in Run(tmp_path).records] == ["failed"] * 3 + ["done"] * 2


def test_more_crashes_or_no_other_trials_end_the_search(tmp_path: Path) -> None:
    for trials in (3, 9):
        folder = tmp_path / str(trials)
        folder.mkdir()
        driver, _ = new_driver(folder, trials=trials)
        for _ in range(3):
            _fail(driver, "no kernel image")
        again, _ = new_driver(folder)
        for _ in range(trials if trials == 3 else 6):
            _fail(again, "no kernel image")
        assert again.is_over()
        assert again.crash == "no kernel image"
        assert len(Run(folder).records) == min(trials, 6)


def test_a_retried_trial_goes_on_from_its_training_state(tmp_path: Path) -> None:
    more: dict[str, Any] = {"fidelity": (1, 3), "recipe": {"epochs": 3}, "trials": 3}
    driver, _ = new_driver(tmp_path, **more)
    for _ in range(3):
        job = _next(driver)
        Path(job.checkpoint).parent.mkdir(exist_ok=True)
        Path(job.checkpoint).touch()
        end(driver, job, "stopped", top1=0.5 + job.trial / 10)
    job = _next(driver)
    assert (job.until, Path(job.restored_from).name) == (3, f"{job.trial}-1.pt")
    driver.finish(job.trial, Outcome("failed", error="worker died", fault=MACHINE))
    assert Path(job.restored_from).exists()
    again, _ = new_driver(tmp_path)
    retried = _next(again)
    assert (retried.trial, retried.until, retried.restored_from) == (job.trial, 3, job.restored_from)


def test_published_seeds_are_retried_too(tmp_path: Path) -> None:
    text = SearchSpace.load("asmlp").text
    changes: dict[str, Any] = {"budget": ("15GFLOPs",), "fill": 0.9, "trials": 3}
    driver, _ = new_driver(tmp_path, text, **changes)
    lost = [_fail(driver, "no driver", MACHINE) for _ in range(2)]
    assert [record.origin for record in Run(tmp_path).records] == ["published"] * 2
    again, _ = new_driver(tmp_path, text, **changes)
    assert [_next(again).trial for _ in lost] == lost


def test_faults_of_older_records_follow_from_their_errors(tmp_path: Path) -> None:
    """They name no fault, so that only three like crashes in a row count."""
    plain = Record(0, "a", "{}", {}, "failed", error="index 3")
    rows = [replace(plain, trial=number, key=str(number), error=f"index {number}") for number in range(3)]
    other = replace(plain, trial=3, key="d", error="something else")
    news, crashed = without_crashes([*rows, other])
    assert (news, crashed) == ([other], rows)
    assert without_crashes(rows[:2]) == (rows[:2], [])


def test_a_repaired_search_ends_as_if_nothing_had_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any) -> None:
        raise RuntimeError("no kernel image is available")

    place = "mlpnas.evaluators.proxy_training.build"
    monkeypatch.setattr(place, crash)
    with pytest.raises(RunError, match="tries them again"):
        search("quick", "500kMACs", trials=4, run=tmp_path / "run", **FAST)
    monkeypatch.setattr(place, build)
    run = mlpnas.search(run=tmp_path / "run", resume=True)
    whole = search("quick", "500kMACs", trials=4, run=tmp_path / "whole", **FAST)
    assert [(r.trial, r.key, r.status, r.values) for r in run.records] == [
        (r.trial, r.key, r.status, r.values) for r in whole.records
    ]
