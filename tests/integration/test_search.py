"""Whole searches in processes of their own: real training on the embedded digits, killed and interrupted on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mlpnas.run import Run

RECIPE = {"epochs": 2, "batch_size": 32, "learning_rate": 0.01, "warmup_epochs": 0.2, "precision": "fp32"}
SPACE = """\
version: 1
name: digits
input: {size: 8, channels: 1, classes: 10}
stem: {patch: 2}
width: {choose: [16, 24, 32]}
stages:
  count: 1
  each: {depth: {choose: [1, 2, 3]}, mixer: {choose: [token_mlp, gmlp, axial_shift]}, mlp_ratio: {choose: [2, 3]}}
"""
SEARCH = ["--space", "space.yaml", "--data", "digits", "--budget", "300kMACs", "--fill", "0.1", "--json"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return _filled(tmp_path)


def _filled(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "recipe.json").write_text(json.dumps(RECIPE))
    (folder / "space.yaml").write_text(SPACE)
    return folder


# these trainings are short, so that the pool runs them
TUNE = "from mlpnas.engine.backends import ray; ray._POOL_BELOW = 0; from mlpnas.cli import main; main()"


def _start(folder: Path, *arguments: str, backend: str = "") -> subprocess.Popen[str]:
    program = ["-c", TUNE] if backend == "tune" else ["-m", "mlpnas"]
    command = [sys.executable, *program, "search", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **pipes)


def _new(folder: Path, backend: str, trials: int, *more: str) -> subprocess.Popen[str]:
    asked = {"--run": "./run", "--recipe": "recipe.json", "--trials": str(trials)}
    asked["--backend"] = "local" if backend == "local" else "ray"
    return _start(folder, *SEARCH, *(word for pair in asked.items() for word in pair), *more, backend=backend)


def _events(process: subprocess.Popen[str], code: int = 0) -> list[dict[str, Any]]:
    output, errors = process.communicate(timeout=300)
    assert process.returncode == code, errors
    return [json.loads(line) for line in output.splitlines()]


def _wait_for_trials(folder: Path, count: int) -> None:
    """Wait until so many trials are on disk; a trial has a record for each rung."""
    for _ in range(1200):
        if list((folder / "run" / "trials").glob("part-*.parquet")) and len(_trained(folder)) >= count:
            return
        time.sleep(0.1)
    raise AssertionError("no trials came")


def _trained(folder: Path) -> dict[int, str]:
    return {r.trial: r.key for r in Run(folder / "run").records if r.origin != "duplicate"}


BACKENDS = ["local", *(pytest.param(name, marks=pytest.mark.ray) for name in ("pool", "tune"))]


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_whole_search(folder: Path, backend: str) -> None:
    events = _events(_new(folder, backend, 5))
    end, run = events[-1], Run(folder / "run")
    assert events[0]["event"] == "begin"
    assert set(end) >= {"run", "trials", "failed", "best", "front_size", "hypervolume", "seconds"}
    assert end["event"] == "end"
    assert end["trials"] == 5 == len(_trained(folder))
    assert end["front_size"] == len(run.front()) > 0
    assert end["best"]["top1"] == run.best().values["top1"] > 0.15  # chance is 0.1
    assert 0 < end["hypervolume"] <= 1
    assert all(30_000 <= record.values["macs"] <= 300_000 for record in run.records)
    assert run.epochs().num_rows == 2 * 5
    assert (folder / "run" / "report.html").stat().st_size > 100_000
    assert all((folder / "run" / record.weights).is_file() for record in run.front())
    assert run.manifest.decided.scheduler == ("" if backend == "local" else backend)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_results(folder: Path) -> None:
    values = []
    for name in ("one", "other"):
        _events(_new(_filled(folder / name), "local", 3, "--seed", "7"))
        values.append([(r.key, r.values) for r in Run(folder / name / "run").records])
    assert values[0] == values[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "fidelity"),
    [
        ("local", ""),
        pytest.param("pool", "", marks=pytest.mark.ray),
        pytest.param("tune", "epochs=1,2,4", marks=pytest.mark.ray),
    ],
)
def test_a_killed_search_is_resumed(folder: Path, backend: str, fidelity: str) -> None:
    process = _new(folder, backend, 8, "--fidelity", fidelity)
    _wait_for_trials(folder, 3)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = _trained(folder)
    assert len(before) >= 3
    events = _events(_start(folder, "--resume", "--run", "./run", "--json"))
    after = _trained(folder)
    assert events[0]["done"]
    assert before.items() <= after.items()  # none lost
    assert len(after) == len(set(after.values())) == 8  # none repeated
    run = Run(folder / "run")
    assert events[-1]["front_size"] == len(run.front())
    assert {record.trial for record in run.front()} <= set(after)
    news = [(record.trial, record.epochs) for record in run.history if record.origin != "duplicate"]
    assert len(news) == len(set(news))  # nothing trained again
    epochs = {trial: [row.epoch for row in curve] for trial, curve in run.store.curves().items()}
    assert epochs == {record.trial: list(range(1, record.epochs + 1)) for record in run.records if record.epochs}
    assert run.done()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "number"),
    [
        ("local", signal.SIGINT),
        pytest.param("pool", signal.SIGINT, marks=pytest.mark.ray),
        pytest.param("tune", signal.SIGTERM, marks=pytest.mark.ray),
    ],
)
def test_an_interrupted_search_is_extended(folder: Path, backend: str, number: signal.Signals) -> None:
    process = _new(folder, backend, 50)
    _wait_for_trials(folder, 2)
    process.send_signal(number)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert json.loads(output.splitlines()[-1])["event"] == "end"
    assert "mlpnas search --resume --run" in errors
    assert "Traceback" not in errors
    done = len(_trained(folder))
    assert done >= 2
    events = _events(_start(folder, "--resume", "--run", "./run", "--trials", "+1", "--json"))
    assert events[-1]["trials"] == len(_trained(folder)) == done + 1


@pytest.mark.slow
def test_people_read_plain_lines(folder: Path) -> None:
    arguments = [argument for argument in SEARCH if argument != "--json"]
    process = _start(
        folder, *arguments, "--recipe", "recipe.json", "--backend", "local", "--trials", "2", "--run", "./run"
    )
    output, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert "[2/2]" in output
    assert "best: trial" in output
    assert "report: " in output
