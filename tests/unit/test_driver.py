"""The driver without workers: its proposals and its records, for invented outcomes."""

from pathlib import Path

import pytest

from mlpnas.job import Job
from mlpnas.run import Run
from mlpnas.space import SearchSpace
from mlpnas.spec import ArchSpec
from tests.support.drivers import end, end_all, new_driver


def test_every_architecture_is_trained_once_until_none_is_left(tmp_path: Path) -> None:
    driver, events = new_driver(tmp_path)
    keys = end_all(driver)
    assert len(keys) == len(set(keys)) == 8
    assert events[-1] == {"event": "note", "text": "nothing new is left in the space within the budget"}


def test_a_duplicate_gets_the_known_result_without_training(tmp_path: Path) -> None:
    driver, _ = new_driver(tmp_path)
    end_all(driver)
    records = Run(tmp_path).records
    repeats = [record for record in records if record.origin == "duplicate"]
    first = {record.key: record for record in records if record.origin != "duplicate"}
    assert repeats
    assert all(record.values == first[record.key].values and record.status == "done" for record in repeats)
    assert len({record.trial for record in records}) == len(records)


def test_an_architecture_that_is_running_is_not_started_again(tmp_path: Path) -> None:
    driver, _ = new_driver(tmp_path)
    jobs = [driver.next_job() for _ in range(8)]
    assert len({job.spec for job in jobs if job}) == 8
    assert driver.next_job() is None


def test_no_more_than_the_asked_trials_are_trained(tmp_path: Path) -> None:
    driver, _ = new_driver(tmp_path, trials=3)
    assert len(end_all(driver)) == 3


def test_no_trial_starts_once_the_time_is_up(tmp_path: Path) -> None:
    driver, _ = new_driver(tmp_path, time=0.0)
    assert driver.next_job() is None


@pytest.mark.parametrize("status", ["diverged", "out_of_memory", "failed", "over_budget"])
def test_a_failure_is_a_record_and_the_search_goes_on(tmp_path: Path, status: str) -> None:
    driver, _ = new_driver(tmp_path, trials=2)
    job = driver.next_job()
    assert job
    end(driver, job, status)
    assert end_all(driver)
    run = Run(tmp_path)
    assert run.records[0].status == status
    assert [record.trial for record in run.done()] == [run.records[1].trial]


def test_a_trial_is_on_disk_before_it_is_reported(tmp_path: Path) -> None:
    driver, _ = new_driver(tmp_path, trials=1)
    seen: list[int] = []
    driver.tell = lambda event: seen.append(len(Run(tmp_path).records)) if event["event"] == "trial" else None
    end_all(driver)
    assert seen == [1]
    assert Run(tmp_path).epochs().num_rows == 1


def test_a_new_driver_goes_on_where_a_killed_one_ended(tmp_path: Path) -> None:
    driver, _ = new_driver(tmp_path)
    for _ in range(3):
        job = driver.next_job()
        assert job
        end(driver, job)
    lost = driver.next_job()  # no outcome ever comes
    again, _ = new_driver(tmp_path)
    keys = end_all(again)
    run = Run(tmp_path)
    trained = [record.key for record in run.records if record.origin != "duplicate"]
    assert len(trained) == len(set(trained)) == 8
    assert lost is not None
    assert ArchSpec.loads(lost.spec).key in keys


def test_weights_stay_for_the_front_only(tmp_path: Path) -> None:
    driver, _ = new_driver(tmp_path)
    end_all(driver)
    run = Run(tmp_path)
    kept = {f"weights/{file.name}" for file in (tmp_path / "weights").iterdir()}
    assert kept == {record.weights for record in run.front()}
    assert len(kept) < len(run.done())


def test_the_first_trial_gives_an_objective_its_worst_value(tmp_path: Path) -> None:
    driver, _ = new_driver(
        tmp_path, trials=2, objectives={"top1": "maximize", "loss": "minimize"}, reference={"top1": 0.0}
    )
    job = driver.next_job()
    assert job
    end(driver, job, loss=0.75)
    assert Run(tmp_path).manifest.decided.reference == {"top1": 0.0, "loss": 1.5}
    assert Run(tmp_path).hypervolume() == pytest.approx(0.25)


def test_workers_measure_only_what_is_not_known_before(tmp_path: Path) -> None:
    driver, _ = new_driver(tmp_path, limits={"macs": 1e6, "latency": 0.1})
    job = driver.next_job()
    assert job
    assert job.objectives == ("top1", "latency")
    assert job.limits == {"latency": 0.1}
    assert Job.loads(job.dumps()) == job


def test_seeds_come_first_and_near_misses_are_named(tmp_path: Path) -> None:
    text = SearchSpace.load("asmlp").text
    driver, events = new_driver(tmp_path, text, budget=("15GFLOPs",), fill=0.9)
    first = driver.next_job()
    assert first
    assert ArchSpec.loads(first.spec).stages[0].width == 96
    notes = [event["text"] for event in events if event["event"] == "note"]
    assert any("as_mlp_b has 15.13 GMACs, just above" in note for note in notes)
