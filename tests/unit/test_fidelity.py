"""Searches with --fidelity: the trials that are promoted, the states that are kept, and no epoch trained twice."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import mlpnas
from mlpnas.datasets import DataRef
from mlpnas.engine.driver import Driver
from mlpnas.errors import RunError
from mlpnas.evaluators.proxy_training import ProxyTraining
from mlpnas.job import Job, Outcome
from mlpnas.run import Run
from mlpnas.space import SearchSpace
from mlpnas.spec import ArchSpec
from mlpnas.training.recipe import Recipe
from tests.support.drivers import new_driver
from tests.support.epochs import epoch_row

RUNGS = (1, 3, 9)
SPACE = """\
version: 1
name: many
input: {size: 28, channels: 1, classes: 10}
stem: {patch: 7}
width: {choose: [8, 16, 24, 32, 40, 48, 56, 64]}
stages: {count: 1, each: {depth: {choose: [1, 2, 3, 4]}, mixer: {choose: [token_linear, gmlp]}}}
"""


def _driver(folder: Path, **changes: Any) -> Driver:
    folder.mkdir(exist_ok=True)
    settings = {"fidelity": RUNGS, "recipe": {"epochs": RUNGS[-1]}, "trials": 36, "sampler": "local"} | changes
    return new_driver(folder, SPACE, **settings)[0]


def _accuracy(job: Job, epochs: int) -> float:
    """Return an invented accuracy: better with more epochs, different for every architecture."""
    return int(ArchSpec.loads(job.spec).key[:4], 16) / 2**17 + epochs / 20


def _train(driver: Driver, job: Job, status: str = "") -> None:
    driver.begin(job.trial)
    before = driver.running[job.trial].record.epochs
    assert job.until is not None
    for epoch in range(before + 1, job.until + 1):
        driver.report(job.trial, epoch_row(job.trial, epoch, top1=_accuracy(job, epoch)))
    if job.until < RUNGS[-1]:
        Path(job.checkpoint).parent.mkdir(exist_ok=True)
        Path(job.checkpoint).touch()
    status = status or ("done" if job.until == RUNGS[-1] else "stopped")
    driver.finish(job.trial, Outcome(status, {"top1": _accuracy(job, job.until)}, job.until, 0.1))


def _train_all(driver: Driver, jobs: int = 10**6) -> list[tuple[int, int | None]]:
    trained = []
    while len(trained) < jobs and (job := driver.next_job()) is not None:
        _train(driver, job)
        trained.append((job.trial, job.until))
    return trained


def test_the_best_third_of_each_rung_is_promoted(tmp_path: Path) -> None:
    trained = Counter(until for _, until in _train_all(_driver(tmp_path)))
    run = Run(tmp_path)
    assert trained[1] == len(run.records) == 36
    assert 12 <= trained[3] <= 18  # some were the best when they were promoted
    assert 2 <= trained[9] <= 8
    assert Counter(record.epochs for record in run.records)[9] == trained[9] == len(run.done())
    assert {record.status for record in run.records if record.epochs < 9} == {"stopped"}
    assert len(run.history) == sum(trained.values())


def test_curves_go_on_without_gaps_and_without_repeats(tmp_path: Path) -> None:
    _train_all(_driver(tmp_path))
    run = Run(tmp_path)
    curves = run.store.curves()
    for record in run.records:
        assert [row.epoch for row in curves[record.trial]] == list(range(1, record.epochs + 1))


@pytest.mark.parametrize("cut", [1, 5, 17, 30])
def test_a_resumed_search_goes_on_as_the_uninterrupted_one(tmp_path: Path, cut: int) -> None:
    expected = _train_all(_driver(tmp_path / "whole"))
    trained = _train_all(_driver(tmp_path / "cut"), cut)
    lost = _driver(tmp_path / "cut").next_job()
    assert lost
    assert (lost.trial, lost.until) == expected[cut]
    assert trained + _train_all(_driver(tmp_path / "cut")) == expected


def test_a_duplicate_of_a_stopped_trial_is_not_promoted(tmp_path: Path) -> None:
    _train_all(_driver(tmp_path), 2)
    run = Run(tmp_path)
    best = max(run.records, key=lambda record: record.values["top1"])
    run.store.append(replace(best, trial=2, origin="duplicate"))
    assert 2 not in {trial for trial, _ in _train_all(_driver(tmp_path))}


def test_a_trial_that_fails_is_not_promoted(tmp_path: Path) -> None:
    driver, failed = _driver(tmp_path), None
    while (job := driver.next_job()) is not None:
        assert job.trial != failed
        is_first = failed is None and job.until == 3
        failed = job.trial if is_first else failed
        _train(driver, job, "diverged" if is_first else "")
    assert [record.trial for record in Run(tmp_path).records if record.status == "diverged"] == [failed]


def test_a_search_of_few_trials_ends_with_a_full_training(tmp_path: Path) -> None:
    assert _train_all(_driver(tmp_path, trials=2))[-2:] in ([(0, 3), (0, 9)], [(1, 3), (1, 9)])
    assert len(Run(tmp_path).done()) == 1


def test_workers_wait_while_no_trial_can_be_promoted_yet(tmp_path: Path) -> None:
    driver = _driver(tmp_path, trials=3)
    jobs = [driver.next_job() for _ in range(3)]
    assert driver.next_job() is None
    assert not driver.is_over()
    for job in jobs:
        assert job
        _train(driver, job)
    going_on = driver.next_job()
    assert going_on
    assert going_on.until == 3


def test_states_of_trials_that_cannot_be_promoted_are_deleted(tmp_path: Path) -> None:
    driver = _driver(tmp_path)
    most = 0
    while (job := driver.next_job()) is not None:
        _train(driver, job)
        most = max(most, len(list((tmp_path / "checkpoints").iterdir())))
    assert most < 36
    done = {record.trial for record in Run(tmp_path).done()}
    left = [file.stem.split("-") for file in (tmp_path / "checkpoints").iterdir()]
    epochs = {record.trial: record.epochs for record in Run(tmp_path).records}
    assert left
    assert not done & {int(trial) for trial, _ in left}
    assert all(epochs[int(trial)] == int(after) for trial, after in left)


@pytest.mark.parametrize(
    "text", ["1,3,9", "epochs=", "epochs=9", "epochs=3,1", "epochs=1,1,3", "epochs=0,3", "epochs=1,x"]
)
def test_a_fidelity_without_rising_epochs_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="like epochs=1,3,9"):
        mlpnas.search(
            SearchSpace(SPACE), "500kMACs", data="digits", fidelity=text, backend="local", run=tmp_path / "run"
        )
    assert not (tmp_path / "run").exists()


def test_fidelity_is_refused_where_nothing_is_trained(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no objective needs a training"):
        mlpnas.search(
            SearchSpace(SPACE),
            data="digits",
            objectives=["macs", "params"],
            fidelity="epochs=1,3",
            backend="local",
            run=tmp_path / "run",
        )


def test_a_training_in_parts_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    """Real trainings, resumed from training states."""
    recipe = Recipe(epochs=4, samples=128, batch_size=32, warmup_epochs=0, ema_decay=0.9)
    asked = {"data": "digits", "backend": "local", "sampler": "random", "recipe": recipe, "trials": 4}
    parts = mlpnas.search(SearchSpace(SPACE), **asked, fidelity="epochs=1,2,4", run=tmp_path / "parts")  # type: ignore[arg-type]
    whole = mlpnas.search(SearchSpace(SPACE), **asked, run=tmp_path / "whole")  # type: ignore[arg-type]
    (record,) = parts.done()
    expected = next(other for other in whole.done() if other.key == record.key)
    assert record.values == expected.values
    own, other = load_file(parts.path / record.weights), load_file(whole.path / whole.best().weights)
    if whole.best().key == record.key:
        assert all(torch.equal(own[name], other[name]) for name in {*own, *other})
    assert len([r for r in parts.records if r.status == "stopped"]) == 3


def test_a_repeated_job_starts_from_its_old_training_state(tmp_path: Path) -> None:
    """The result of the first try was lost, and the state that it wrote was not."""
    recipe = Recipe(epochs=4, samples=64, batch_size=32, warmup_epochs=0).to_json()
    data = DataRef("digits").to_json()
    spec = SearchSpace(SPACE).sample(np.random.default_rng(0), {}).spec.dumps()
    first = Job(0, spec, recipe, data, until=1, checkpoint=str(tmp_path / "0-1.pt"))
    second = replace(first, until=2, restored_from=first.checkpoint, checkpoint=str(tmp_path / "0-2.pt"))
    outcomes = [list(ProxyTraining().run(job))[-1] for job in (first, second, second)]
    told = [(outcome.status, outcome.epochs, outcome.values) for outcome in outcomes if isinstance(outcome, Outcome)]
    assert [row[:2] for row in told] == [("stopped", 1), ("stopped", 2), ("stopped", 2)]
    assert told[1] == told[2]
