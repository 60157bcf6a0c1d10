"""The evaluation by proxy training: what it trains, measures, writes, and which outcomes it gives."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from mlpnas.datasets import load, resolve
from mlpnas.errors import DataError, RecipeError
from mlpnas.evaluators import proxy_training
from mlpnas.evaluators.proxy_training import ProxyTraining
from mlpnas.job import Job, Outcome
from mlpnas.nets.network import build
from mlpnas.record import EpochRow
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.tasks.classify import Classify
from mlpnas.training.batches import ImageBatches
from mlpnas.training.loop import evaluate
from mlpnas.training.recipe import Recipe

SPEC = ArchSpec((Stage(16, 1, Layer("token_mlp"), 2),), Stem(2), 8)
RECIPE = Recipe(epochs=2, samples=128, batch_size=32, warmup_epochs=0.5, learning_rate=5e-3)
JOB = Job(7, SPEC.dumps(), RECIPE.to_json(), resolve("digits").to_json())


def _run(job: Job) -> tuple[list[EpochRow], Outcome]:
    *rows, outcome = ProxyTraining().run(Job.loads(job.dumps()))
    assert isinstance(outcome, Outcome)
    assert all(isinstance(row, EpochRow) for row in rows)
    return [replace(row, seconds=0) for row in rows], outcome  # type: ignore[type-var]


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that shows every batch of a network to a callback, which may raise."""

    def install(look: Any) -> None:
        def spoilt(spec: ArchSpec, drop_path: float = 0.0) -> nn.Module:
            network = build(spec, drop_path)
            network.register_forward_pre_hook(lambda module, inputs: look(module, inputs[0]))
            return network

        monkeypatch.setattr(proxy_training, "build", spoilt)

    return install


def test_a_job_is_trained_and_measured() -> None:
    rows, outcome = _run(replace(JOB, objectives=("top1", "latency")))
    assert [(row.trial, row.epoch) for row in rows] == [(7, 1), (7, 2)]
    assert (outcome.status, outcome.epochs, outcome.error) == ("done", 2, "")
    assert set(outcome.values) == {"top1", "loss", "latency", "latency_iqr"}
    assert outcome.values["top1"] == rows[-1].values["top1"]
    assert outcome.values["loss"] == rows[-1].values["val_loss"]
    assert outcome.seconds > 0
    assert outcome.device


def test_the_same_job_has_the_same_result() -> None:
    assert _run(JOB)[0] == _run(JOB)[0]
    assert _run(replace(JOB, seed=1))[0] != _run(JOB)[0]


def test_the_evaluated_weights_are_written(tmp_path: Path) -> None:
    file = tmp_path / "weights" / "7.safetensors"
    rows, outcome = _run(replace(JOB, weights=str(file), recipe=replace(RECIPE, ema_decay=0.9).to_json()))
    assert outcome.weights == str(file)
    assert [path.name for path in file.parent.iterdir()] == [file.name], "nothing temporary is left"
    with safe_open(file, "pt") as content:
        tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
        proxy = ArchSpec.loads(content.metadata()["spec"])
        assert Recipe.loads(content.metadata()["recipe"]).ema_decay == 0.9
    network, data = build(proxy), load(resolve("digits"))
    network.load_state_dict(tensors)
    found = evaluate(network, Classify(), ImageBatches(data, RECIPE, proxy.image, "cpu").val(), "fp32")
    loss, top1 = found["val_loss"], found["top1"]
    assert top1 == rows[-1].values["top1"]
    assert loss == pytest.approx(rows[-1].values["val_loss"], rel=1e-5)


def test_the_proxy_is_trained_and_the_declared_network_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, object]] = []
    declared = replace(SPEC, input_size=32, stages=(replace(SPEC.stages[0], width=32),))

    def timed(spec: ArchSpec, device: str) -> tuple[float, ...]:
        seen.append(("timed", spec))
        return (0.5,) * 20

    def built(spec: ArchSpec, drop_path: float) -> nn.Module:
        seen.append(("trained", (spec.input_size, spec.stages[0].width)))
        return build(spec, drop_path)

    monkeypatch.setattr("mlpnas.objectives._timing.seconds_per_image", timed)
    monkeypatch.setattr(proxy_training, "build", built)
    recipe = replace(RECIPE, input_size=8, width_scale=0.5)
    _, outcome = _run(replace(JOB, spec=declared.dumps(), recipe=recipe.to_json(), objectives=("top1", "latency")))
    assert seen == [("timed", declared), ("trained", (8, 16))]
    assert outcome.values["latency"] == 0.5


def test_above_a_measured_limit_nothing_is_trained() -> None:
    rows, outcome = _run(replace(JOB, limits={"latency": 1e-9}))
    assert (rows, outcome.status, outcome.epochs) == ([], "over_budget", 0)
    assert outcome.values["latency"] > 1e-9
    assert "latency" in outcome.error
    assert "is above" in outcome.error


def test_above_a_limit_of_a_trained_metric_no_weights_stay(tmp_path: Path) -> None:
    rows, outcome = _run(replace(JOB, limits={"loss": 1e-9}, weights=str(tmp_path / "none")))
    assert (len(rows), outcome.status, outcome.weights) == (2, "over_budget", "")
    assert outcome.values["loss"] == rows[-1].values["val_loss"]
    assert not (tmp_path / "none").exists()


def test_below_its_limits_a_trial_is_done() -> None:
    assert _run(replace(JOB, limits={"latency": 60.0}))[1].status == "done"


def test_a_loss_that_is_nan_has_diverged(spoil: Any) -> None:
    def look(module: nn.Module, images: Tensor) -> Tensor:
        return images * float("nan") if module.training else images

    spoil(look)
    rows, outcome = _run(JOB)
    assert (rows, outcome.status, outcome.epochs) == ([], "diverged", 0)
    assert outcome.error == "loss is nan in epoch 1"
    assert not outcome.values


MEMORY = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried to"),
]


@pytest.mark.parametrize("error", MEMORY, ids=lambda error: type(error).__name__)
def test_out_of_memory_is_tried_again_with_half_the_micro_batch(spoil: Any, error: Exception) -> None:
    expected, _ = _run(JOB)
    sizes = []

    def look(module: nn.Module, images: Tensor) -> None:
        if module.training:
            sizes.append(len(images))
            if len(images) > 16:
                raise error

    spoil(look)
    rows, outcome = _run(JOB)
    assert outcome.status == "done"
    assert sizes == [32, *[16] * 16]
    for row, other in zip(rows, expected, strict=True):
        assert row.train_loss == pytest.approx(other.train_loss, rel=1e-3)
        assert row.values["top1"] == pytest.approx(other.values["top1"], abs=0.02)


def test_out_of_memory_in_a_later_epoch_reports_no_epoch_twice(spoil: Any) -> None:
    steps = []

    def look(module: nn.Module, images: Tensor) -> None:
        steps.append(len(images))
        if module.training and len(images) > 16 and steps.count(32) > 6:
            raise MemoryError

    spoil(look)
    rows, outcome = _run(JOB)
    assert [row.epoch for row in rows] == [1, 2]
    assert (outcome.status, outcome.epochs) == ("done", 2)


@pytest.mark.parametrize("error", MEMORY, ids=lambda error: type(error).__name__)
def test_being_out_of_memory_twice_is_the_outcome(spoil: Any, error: Exception) -> None:
    sizes = []

    def look(module: nn.Module, images: Tensor) -> None:
        sizes.append(len(images))
        raise error

    spoil(look)
    rows, outcome = _run(JOB)
    assert (rows, outcome.status, sizes) == ([], "out_of_memory", [32, 16])
    assert outcome.error.startswith(type(error).__name__)


def test_a_crash_names_its_place_in_the_code(spoil: Any) -> None:
    def look(module: nn.Module, images: Tensor) -> None:
        raise IndexError("no such corner" + "!" * 1000)

    spoil(look)
    _, outcome = _run(JOB)
    assert outcome.status == "failed"
    assert outcome.error.startswith("IndexError: no such corner!")
    assert outcome.error.endswith("in look)")
    assert len(outcome.error) < 600


def test_layers_that_do_not_fit_fail_with_the_remedy() -> None:
    spec = replace(SPEC, stages=(replace(SPEC.stages[0], mixer=Layer.of("attention", head_dim=7)),))
    rows, outcome = _run(replace(JOB, spec=spec.dumps()))
    assert (rows, outcome.status) == ([], "failed")
    assert "head_dim 7 does not divide width 16" in outcome.error
    assert "Traceback" not in outcome.error


def test_a_time_limit_ends_a_trial(spoil: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("mlpnas.training.loop.monotonic", lambda: now[0])
    monkeypatch.setattr(proxy_training, "monotonic", lambda: now[0])

    def look(module: nn.Module, images: Tensor) -> None:
        now[0] += 10.0 * module.training

    spoil(look)
    rows, outcome = _run(replace(JOB, time_limit=55.0))
    assert len(rows) == 1
    assert (outcome.status, outcome.epochs) == ("failed", 1)
    assert outcome.error == "time limit 55s reached after 1 epoch"


def test_closing_early_stops_the_training(spoil: Any) -> None:
    steps: list[int] = []
    spoil(lambda module, images: steps.append(len(images)))
    threads = torch.get_num_threads()
    running = ProxyTraining().run(JOB)
    assert isinstance(next(running), EpochRow)
    seen = len(steps)
    running.close()
    assert len(steps) == seen
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"data": {"source": "parquet", "path": "/nowhere", "seed": 0}}, DataError),
        ({"recipe": {"epochs": 0}}, RecipeError),
    ],
)
def test_an_error_that_every_job_would_meet_is_raised(wrong: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        _run(replace(JOB, **wrong))


def test_an_unreadable_architecture_fails_alone() -> None:
    _, outcome = _run(replace(JOB, spec="{}"))
    assert outcome.status == "failed"
    assert "stages" in outcome.error


def test_nothing_is_trained_where_only_known_costs_are_asked() -> None:
    rows, outcome = _run(replace(JOB, objectives=()))
    assert (rows, outcome.status, outcome.epochs, outcome.values) == ([], "done", 0, {})
