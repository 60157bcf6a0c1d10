"""The wall clock may be set while a search runs: no limit and no duration depends on it."""

import time
from pathlib import Path

import pytest

from mlpnas.run import Run
from tests.support.drivers import end, new_driver


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the times of both clocks, to be changed by a test: [wall clock, monotonic clock]."""
    now = [1.7e9, 100.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr(time, "monotonic", lambda: now[1])
    return now


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_setting_the_clock_does_not_change_a_searchs_time_limit(tmp_path: Path, wall: list[float], step: float) -> None:
    driver, _ = new_driver(tmp_path, time=100.0)
    wall[0] += step
    wall[1] += 99
    assert driver.next_job()
    wall[1] += 2
    assert driver.next_job() is None
    assert driver.is_over()


@pytest.mark.parametrize("step", [-3600.0, 0.0, 3600.0])
def test_setting_the_clock_does_not_change_durations(tmp_path: Path, wall: list[float], step: float) -> None:
    driver, _ = new_driver(tmp_path)
    job = driver.next_job()
    assert job
    driver.begin(job.trial)
    wall[0] += step
    wall[1] += 30
    end(driver, job)
    run = Run(tmp_path)
    (record,) = run.records
    assert record.started == 1.7e9
    assert record.finished - record.started == pytest.approx(30)
    assert run.seconds() == pytest.approx(30)
