"""Runs as studies of Optuna, and known_cost in anybody's study."""

import json
import socket
import sys
import urllib.request
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import optuna
import pytest

import mlpnas
from mlpnas.errors import MissingPackage, MlpnasError, OptionError, RunError, ShapeError
from mlpnas.run import Run
from mlpnas.samplers import copy_study, serve

SPACE = mlpnas.SearchSpace.load("quick")
BUDGET = "500kMACs"
HUB = Path(__file__).parents[2] / "docs" / "optunahub" / "package"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("made") / "tried"
    return mlpnas.search(
        SPACE, BUDGET, objectives="params,macs", trials=6, data="digits", recipe="smoke", backend="local", run=folder
    )


def objective(trial: optuna.Trial) -> tuple[float, float]:
    spec = SPACE.suggest(trial)
    found = mlpnas.cost(spec)
    trial.set_user_attr("key", spec.key)
    return found.params / found.activation_bytes, found.macs


def known_cost(**changes: Any) -> Any:
    return mlpnas.KnownCost(SPACE, **{"budget": BUDGET, "objectives": ["density", "macs"], **changes})


def optimized(trials: int, sampler: Any, storage: Any = None) -> optuna.Study:
    study = optuna.create_study(
        directions=["maximize", "minimize"], sampler=sampler, storage=storage, study_name="mine", load_if_exists=True
    )
    study.optimize(objective, n_trials=trials)
    return study


def test_proposals_in_any_study_are_new_and_inside_the_budget() -> None:
    study = optimized(25, known_cost())
    assert all(250e3 <= trial.values[1] <= 500e3 for trial in study.trials)
    assert len({trial.user_attrs["key"] for trial in study.trials}) == 25


def test_a_study_that_goes_on_elsewhere_proposes_the_same(tmp_path: Path) -> None:
    whole = optimized(16, known_cost())
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    optimized(12, known_cost(), storage)
    parts = optimized(4, known_cost(), storage)  # another sampler, which knows the storage alone
    assert [trial.params for trial in parts.trials] == [trial.params for trial in whole.trials]


def test_any_sampler_suggests_architectures_of_the_space() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: mlpnas.cost(SPACE.suggest(trial)).macs, n_trials=20, catch=ShapeError)
    finished = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    assert len(finished) > 5
    for trial in finished:
        assert SPACE.find(SPACE.suggest(optuna.trial.FixedTrial(trial.params))) is not None


def test_failed_and_running_trials_are_not_proposed_again() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=known_cost())
    keys = []
    for number in range(14):
        trial = study.ask()
        keys.append(SPACE.suggest(trial).key)
        if number % 3 == 0:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        elif number % 3 == 1:
            study.tell(trial, (0.1 * number, 1e5))
    assert len({*keys}) == 14


def test_other_trials_of_a_study_are_passed_over() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=known_cost())
    study.add_trial(optuna.create_trial(values=[1.0, 2.0]))
    width = SPACE.questions[0].path
    study.enqueue_trial({width: 10**6, "other": 1}, skip_if_exists=False)
    study.optimize(objective, n_trials=3, catch=MlpnasError)
    assert len(study.trials) == 4


def test_a_study_with_other_values_is_refused() -> None:
    study = optuna.create_study(directions=["maximize"] * 3, sampler=known_cost())
    with pytest.raises(OptionError, match="the study has 3 values and objectives names 2"):
        study.optimize(lambda trial: (*objective(trial), 0.0), n_trials=1)


@pytest.mark.parametrize("to", ["sqlite:///{}/study.db", "{}/journal.log"])
def test_a_run_is_copied_into_a_storage(run: Run, tmp_path: Path, to: str) -> None:
    place = to.format(tmp_path)
    assert copy_study(run, place) == 6
    storage = (
        place if "://" in place else optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(place))
    )
    found, wanted = optuna.load_study(study_name="tried", storage=storage), mlpnas.study(run)
    for one, other in zip(found.trials, wanted.trials, strict=True):
        assert (one.params, one.values, one.state) == (other.params, other.values, other.state)
        assert (one.user_attrs, one.constraints) == (other.user_attrs, other.constraints)
    assert found.metric_names == ["params", "macs"]
    with pytest.raises(RunError, match="holds a study tried already; name another place"):
        copy_study(run, place)


@pytest.mark.parametrize("to", ["nothing://x", "sqlite:////nowhere/at/all.db", "/nowhere/at/all.log"])
def test_a_storage_that_cannot_be_written_is_one_message(run: Run, to: str) -> None:
    with pytest.raises(RunError, match=r"--to .* cannot be written"):
        copy_study(run, to)


def test_a_missing_driver_or_dashboard_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    with pytest.raises(MissingPackage, match=r"pip install 'mlpnas\[dashboard\]'"):
        serve(run, 8080)


def test_importances_take_the_study_of_a_run(run: Run) -> None:
    found = optuna.importance.get_param_importances(mlpnas.study(run), target=lambda trial: trial.values[0])
    assert {*found} <= {question.path for question in SPACE.questions}


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_the_dashboard_serves_the_run_to_this_machine(run: Run, port: int) -> None:
    pytest.importorskip("optuna_dashboard")
    Thread(target=serve, args=(run, port), daemon=True).start()
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/studies", timeout=5) as answer:
                (study,) = json.load(answer)["study_summaries"]
            break
        except OSError:
            sleep(0.1)
    assert study["study_name"] == "tried"
    with pytest.raises(RunError, match=f"--port {port}: cannot be used"):
        serve(run, port)


def test_the_package_for_optunahub_loads_and_samples() -> None:
    optunahub = pytest.importorskip("optunahub")
    module = optunahub.load_local_module("samplers/mlpnas_known_cost", registry_root=str(HUB))
    sampler = module.KnownCost(SPACE, budget=BUDGET, objectives=["density", "macs"])
    assert len(optimized(3, sampler).trials) == 3
