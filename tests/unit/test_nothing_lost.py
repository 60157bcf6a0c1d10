"""Searches whose trials crash, whose workers hang and whose disk is full."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from mlpnas import parts
from mlpnas.engine.driver import Driver
from mlpnas.engine.run_folder import writer as writer_module
from mlpnas.engine.scheduling import hang_detector
from mlpnas.engine.scheduling.hang_detector import HangDetector
from mlpnas.engine.search import search
from mlpnas.errors import RunError
from mlpnas.files import clear_leftovers, write_text
from mlpnas.job import Job, Outcome, Waiting
from mlpnas.run import Run
from mlpnas.store import Store
from mlpnas.training.recipe import Recipe
from tests.support.drivers import end, new_driver
from tests.support.epochs import epoch_row

CRASH = "RuntimeError: index {0} is out of bounds (token_mlp.py:3{0} in forward)"


def _next(driver: Driver) -> Job:
    job = driver.next_job()
    assert job
    return job


def _fail(driver: Driver, error: str, status: str = "failed") -> None:
    driver.finish(_next(driver).trial, Outcome(status, error=error))


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the disk be full for so many writes of Parquet parts; nobody waits between looks for room."""
    write, refusals = Path.write_bytes, [0]

    def refuse(path: Path, content: bytes) -> int:
        if refusals[0] and ".parquet" in path.name:
            refusals[0] -= 1
            write(path, content[:9])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr(writer_module, "_LOOKS_FOR_ROOM", 0.0)
    return refusals


def test_the_same_crash_three_times_in_a_row_ends_the_search(tmp_path: Path) -> None:
    driver, _ = new_driver(tmp_path)
    for number in range(3):
        assert not driver.crash
        _fail(driver, CRASH.format(number))
    assert driver.crash == CRASH.format(0)
    assert driver.next_job() is None
    assert len(Run(tmp_path).records) == 3
    assert new_driver(tmp_path)[0].next_job()  # a resumed search tries again


@pytest.mark.parametrize(
    ("errors", "status"),
    [
        (["a crash", "a crash", "another crash", "a crash", "a crash"], "failed"),
        (["loss is nan in epoch 1"] * 4, "diverged"),
        (["CUDA out of memory"] * 4, "out_of_memory"),
        (["time limit 5s reached after 1 epoch"] * 4, "failed"),
    ],
)
def test_findings_about_architectures_do_not_end_a_search(tmp_path: Path, errors: list[str], status: str) -> None:
    driver, _ = new_driver(tmp_path)
    for error in errors:
        _fail(driver, error, status)
    assert driver.next_job()


def test_a_success_between_two_crashes_restarts_the_count(tmp_path: Path) -> None:
    driver, _ = new_driver(tmp_path)
    for number in range(4):
        if number == 2:
            end(driver, _next(driver))
        _fail(driver, CRASH.format(number))
    assert not driver.crash


def test_a_repeating_crash_is_one_error_with_everything_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any) -> None:
        raise RuntimeError("no kernel image\nis available")

    monkeypatch.setattr("mlpnas.evaluators.proxy_training.build", crash)
    recipe = Recipe(epochs=1, samples=200, warmup_epochs=0)
    told = r"failed alike(.|\n)*--resume(.|\n)*no kernel image is available \(.* in crash\)"
    with pytest.raises(RunError, match=told):
        search("quick", "500kMACs", trials=9, data="digits", backend="local", recipe=recipe, run=tmp_path / "run")
    assert [record.status for record in Run(tmp_path / "run").records] == ["failed"] * 3


@pytest.mark.parametrize("refused", [1, 2, 5])
def test_on_a_full_disk_a_search_waits_and_loses_nothing(tmp_path: Path, full_disk: list[int], refused: int) -> None:
    driver, events = new_driver(tmp_path, trials=2)
    first, second = _next(driver), _next(driver)
    full_disk[0] = refused
    end(driver, first)
    end(driver, second)
    notes = [event["text"] for event in events if event["event"] == "note"]
    assert len(notes) == 2
    assert notes[0].startswith("paused: no room for")
    assert "goes on" in notes[1]
    store = Store(tmp_path)
    assert [record.trial for record in store.history()] == [0, 1]
    assert [len(curve) for curve in store.curves().values()] == [1, 1]
    assert not list(tmp_path.glob("*/.*"))


def test_a_compaction_without_room_is_left_for_later(tmp_path: Path, full_disk: list[int]) -> None:
    driver, _ = new_driver(tmp_path)
    for _ in range(3):
        end(driver, _next(driver))
    full_disk[0] = 2
    Store(tmp_path).compact()
    assert len(list((tmp_path / "trials").iterdir())) == 3 == len(Store(tmp_path).history())


def test_ctrl_c_while_the_disk_is_full_says_what_is_not_kept(
    tmp_path: Path, full_disk: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, events = new_driver(tmp_path)
    end(driver, _next(driver))
    job = _next(driver)
    full_disk[0] = 10**6

    def ctrl_c(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(writer_module.time, "sleep", ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        end(driver, job)
    assert events[-1] == {"event": "lost", "trial": 1}
    assert [record.trial for record in Run(tmp_path).records] == [0]


def test_another_disk_error_ends_the_search_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver, _ = new_driver(tmp_path)
    job = _next(driver)

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(parts, "write", refuse)
    with pytest.raises(RunError, match=r"cannot be written .*Input/output error.*--resume"):
        end(driver, job)


def test_files_of_a_killed_writer_are_deleted(tmp_path: Path) -> None:
    write_text(tmp_path / "run.json", "{}")
    for name in (".run.json.0123abcd", ".lock", ".3.safetensors.89abcdef", ".notes.txt"):
        (tmp_path / name).touch()
    clear_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"run.json", ".lock", ".notes.txt"}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(hang_detector, "monotonic", lambda: now[0])
    return now


def test_a_worker_past_the_limit_and_its_grace_hangs(clock: list[float]) -> None:
    detector = HangDetector(60.0)
    detector.begin(3)
    clock[0] += 89
    detector.heartbeat(3)
    assert not detector.find_hung()
    clock[0] += 2
    assert detector.find_hung() == {3: "time limit 60s reached; the worker hung, and was killed after 91s"}
    detector.end(3)
    assert not detector.find_hung()


def test_a_worker_silent_far_longer_than_any_trial_hangs(clock: list[float]) -> None:
    detector = HangDetector(None)
    detector.begin(0)
    clock[0] += 1e6
    assert not detector.find_hung()  # nothing to compare with
    detector.end(0, 100.0)
    detector.begin(1)
    clock[0] += 1999
    detector.heartbeat(1)
    clock[0] += 1999
    assert not detector.find_hung()
    clock[0] += 2
    assert list(detector.find_hung()) == [1]


def test_a_worker_that_waits_for_room_does_not_hang(tmp_path: Path, clock: list[float]) -> None:
    driver, events = new_driver(tmp_path, trial_time=60.0)
    job = _next(driver)
    assert job.time_limit == 60.0
    driver.begin(job.trial)
    for _ in range(5):
        clock[0] += 80
        driver.wait(job.trial, Waiting("no room"))
    assert not driver.find_hung()
    assert [event["text"] for event in events if event["event"] == "note"] == ["trial 0 waits: no room"]


def test_a_trial_that_begins_again_has_one_curve(tmp_path: Path) -> None:
    driver, _ = new_driver(tmp_path)
    job = _next(driver)
    for _ in range(2):
        driver.begin(job.trial)
        driver.report(job.trial, epoch_row(job.trial, 1))
    driver.begin(job.trial)
    end(driver, job)
    assert Run(tmp_path).epochs().num_rows == 1
