"""The contract of every objective."""

import math
from dataclasses import asdict
from pathlib import Path

import pytest

from mlpnas.costs import cost
from mlpnas.datasets import load, resolve
from mlpnas.objectives import Candidate, describe, is_score, measure
from mlpnas.plugins import find, names
from mlpnas.record import EpochRow
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.tasks import task_of
from mlpnas.training.recipe import Recipe
from mlpnas.units import FORMATS, Format

SPEC = ArchSpec((Stage(16, 2, Layer("token_mlp")),), Stem(4), 16, classes=10)
SHARES = {"top1": 0.8, "top5": 0.9, "balanced_accuracy": 0.6, "macro_f1": 0.5}
ROW = EpochRow(0, 3, train_loss=0.9, seconds=1, learning_rate=1e-3, values=SHARES | {"val_loss": 0.7})
NAMES = names("objectives")
SCORES = [name for name in NAMES if is_score(name)]


def candidate(row: EpochRow | None = None) -> Candidate:
    data = resolve("digits")
    return Candidate(SPEC, row=row, task=task_of(data), recipe=Recipe(), data=load(data))


def test_the_ones_that_the_project_promises() -> None:
    assert {"top1", "loss", "macs", "params", "peak_bytes", "latency"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_objective_says_all_about_itself(name: str) -> None:
    objective = find("objectives", name)
    assert objective.direction in ("maximize", "minimize")
    assert objective.unit
    assert objective.label
    assert isinstance(objective.format, Format)
    assert objective.needs_training is bool(objective.column)
    assert set(objective.tasks) <= {*names("tasks")}
    assert set(objective.extras) <= set(NAMES)
    assert describe(name) is objective


@pytest.mark.parametrize("name", NAMES)
def test_measures_a_finite_number(name: str) -> None:
    value = find("objectives", name)().measure(candidate(ROW))
    assert math.isfinite(value)
    assert value >= 0 or name in SCORES


@pytest.mark.parametrize("name", NAMES)
def test_reference_is_worse_than_the_value_or_unknown(name: str) -> None:
    objective, value = find("objectives", name)(), find("objectives", name)().measure(candidate(ROW))
    reference = objective.reference(2 * value)
    if reference is not None:
        assert reference <= value if objective.direction == "maximize" else reference >= value


@pytest.mark.parametrize("name", [name for name in NAMES if not find("objectives", name).needs_training])
def test_those_that_need_no_training_need_none(name: str) -> None:
    assert find("objectives", name)().measure(candidate()) > (-math.inf if name in SCORES else 0)


@pytest.mark.parametrize("name", [name for name in NAMES if find("objectives", name).needs_training])
def test_those_that_need_training_say_so(name: str) -> None:
    with pytest.raises(ValueError, match="not trained yet"):
        find("objectives", name)().measure(Candidate(SPEC))


@pytest.mark.parametrize("name", sorted(asdict(cost(SPEC))))
def test_costs_of_a_space_are_shown_alike_everywhere(name: str) -> None:
    assert find("objectives", name).format is FORMATS[name]


@pytest.mark.parametrize("name", sorted(asdict(cost(SPEC))))
def test_costs_of_a_space_build_no_network(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cost(SPEC)
    monkeypatch.setattr("mlpnas.objectives._timing.build", None)
    assert find("objectives", name)().measure(Candidate(SPEC)) == getattr(cost(SPEC), name)


@pytest.mark.parametrize(("name", "value"), [("loss", 0.7), *SHARES.items()])
def test_trained_ones_read_the_last_epoch(name: str, value: float) -> None:
    assert measure([name], Candidate(SPEC, row=ROW)) == {name: value}


def test_latency_comes_with_its_spread_of_one_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def timed(spec: ArchSpec, device: str) -> tuple[float, ...]:
        calls.append(device)
        return tuple(step / 1000 for step in range(1, 22))

    monkeypatch.setattr("mlpnas.objectives._timing.seconds_per_image", timed)
    values = measure(["top1", "latency"], Candidate(SPEC, "cpu", ROW))
    assert list(values) == ["top1", "latency", "latency_iqr"]
    assert values["latency"] == pytest.approx(0.011)
    assert values["latency_iqr"] == pytest.approx(0.011, abs=0.001)
    assert calls == ["cpu"]


def test_larger_networks_take_longer() -> None:
    large = ArchSpec((Stage(256, 8, Layer("token_mlp")),), Stem(4), 64, classes=10)
    assert Candidate(large).timings[0] > 0
    assert min(Candidate(large).timings) > min(Candidate(SPEC).timings)
    assert len(Candidate(SPEC).timings) >= 20


def test_top1_of_nothing_is_the_worst() -> None:
    assert find("objectives", "top1")().reference(None) == 0.0
    assert find("objectives", "macs")().reference(None) is None
    assert find("objectives", "macs")().reference(15e9) == 15e9


@pytest.mark.parametrize("name", NAMES)
def test_one_file_is_one_number(name: str) -> None:
    file = Path(__file__).parents[2] / "mlpnas" / "objectives" / f"{name}.py"
    assert not file.exists() or file.read_text().count("\nclass ") == 1
