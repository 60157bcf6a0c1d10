import time
from collections.abc import Iterator
from dataclasses import replace
from math import cos, pi
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mlpnas.datasets import Dataset
from mlpnas.nets.network import build
from mlpnas.record import EpochRow
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.tasks.classify import Classify
from mlpnas.training import state as training_state
from mlpnas.training.average import Average
from mlpnas.training.batches import ImageBatches
from mlpnas.training.loop import Diverged, TimeIsUp, Training, evaluate
from mlpnas.training.recipe import Recipe
from mlpnas.training.schedule import lr_factor

SPEC = ArchSpec((Stage(16, 2, Layer("token_mlp"), 2),), Stem(2), 8, channels=1, classes=10)
SHORT = Recipe(epochs=2, samples=256, batch_size=64, learning_rate=5e-3, warmup_epochs=0.5)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _network(seed: int = 0, spec: ArchSpec = SPEC, drop_path: float = 0.0) -> nn.Module:
    torch.manual_seed(seed)
    return build(spec, drop_path)


def _train(network: nn.Module, data: Dataset, recipe: Recipe, **options: object) -> list[EpochRow]:
    rows = Training(network, Classify(), data, recipe, size=(8, 8), **options).run()  # type: ignore[arg-type]
    return [replace(row, seconds=0) for row in rows]


def _weights(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


# schedule


def test_rate_rises_then_falls_to_zero() -> None:
    factors = [lr_factor(step, 100, 10) for step in range(101)]
    assert factors[:10] == pytest.approx([(step + 1) / 11 for step in range(10)])
    assert factors[10] == 1
    assert factors[10:] == pytest.approx([(1 + cos(pi * step / 90)) / 2 for step in range(91)])


def test_rows_tell_the_rate(digits: Dataset) -> None:
    recipe = replace(SHORT, epochs=4, warmup_epochs=1)
    rates = [row.learning_rate for row in _train(_network(), digits, recipe)]
    assert rates == pytest.approx([recipe.learning_rate * lr_factor(step, 16, 4) for step in (3, 7, 11, 15)])


# loop


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_same_seed_same_result(digits: Dataset, precision: str) -> None:
    recipe = replace(SHORT, precision=precision, drop_path=0.2, crop_padding=1, ema_decay=0.9)
    runs = []
    for _ in range(2):
        network = _network(drop_path=0.2)
        torch.rand(7)  # whatever else draws random numbers does not matter
        runs.append((_train(network, digits, recipe, seed=3), _weights(network)))
    assert runs[0][0] == runs[1][0]
    assert torch.equal(runs[0][1], runs[1][1])
    assert _train(_network(drop_path=0.2), digits, recipe, seed=4) != runs[0][0]


def test_interrupted_consumption_changes_nothing(digits: Dataset) -> None:
    expected = _train(_network(drop_path=0.2), digits, SHORT)
    rows = []
    for row in Training(_network(drop_path=0.2), Classify(), digits, SHORT, size=(8, 8)).run():
        torch.manual_seed(99)
        rows.append(replace(row, seconds=0))
    assert rows == expected


def test_a_resumed_training_equals_the_uninterrupted_one(digits: Dataset, tmp_path: Path) -> None:
    recipe = replace(SHORT, epochs=4, drop_path=0.2, crop_padding=1, ema_decay=0.9)
    whole = _network(drop_path=0.2)
    expected = _train(whole, digits, recipe)
    rows: list[EpochRow] = []
    for seed, until in [(0, 1), (7, 3), (8, None)]:  # how a later network began must not matter
        network = _network(seed, drop_path=0.2)
        training = Training(network, Classify(), digits, recipe, size=(8, 8))
        if (tmp_path / "state").exists():
            training_state.restore(training, str(tmp_path / "state"), recipe.epochs)
        rows += [replace(row, seconds=0) for row in training.run(until)]
        (tmp_path / "state").write_bytes(training_state.dumps(training.state()))
    assert rows == expected
    assert torch.equal(_weights(network), _weights(whole))


def test_it_learns(digits: Dataset) -> None:
    recipe = Recipe(epochs=6, batch_size=32, learning_rate=7e-3)
    rows = _train(_network(), digits, recipe)
    assert rows[-1].values["top1"] > 0.6
    assert rows[-1].values["top1"] > rows[0].values["top1"]
    assert rows[-1].train_loss < rows[0].train_loss
    assert [row.epoch for row in rows] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("micro_batch", [32, 24, 1])
def test_micro_batches_add_up_to_the_same_training(digits: Dataset, micro_batch: int) -> None:
    recipe = replace(SHORT, epochs=1, samples=64, batch_size=32, warmup_epochs=0)
    whole, parts = _network(), _network()
    (row,) = _train(whole, digits, recipe)
    (other,) = _train(parts, digits, recipe, micro_batch=micro_batch)
    assert float((_weights(whole) - _weights(parts)).abs().mean()) < 1e-5
    assert other.train_loss == pytest.approx(row.train_loss, rel=1e-4)
    assert other.values["val_loss"] == pytest.approx(row.values["val_loss"], rel=1e-3)


def test_loss_and_accuracy_are_what_they_say(digits: Dataset) -> None:
    class Fixed(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.tensor([0.0, 2.0, 1.0]).repeat(len(images), 1)

    labels = torch.tensor([1, 1, 2, 0])
    found = evaluate(Fixed(), Classify(), iter([(torch.zeros(4, 1, 8, 8), labels)]), "fp32")
    loss, top1 = found["val_loss"], found["top1"]
    logits = np.array([0.0, 2.0, 1.0])
    log_shares = logits - np.log(np.exp(logits).sum())
    assert loss == pytest.approx(-log_shares[[1, 1, 2, 0]].mean())
    assert top1 == 0.5


class _Spoilt(nn.Module):
    """Turns to NaN (or inf) after a number of training batches."""

    def __init__(self, after: int, value: float) -> None:
        super().__init__()
        self.inner, self.left, self.value = _network(), after, value

    def forward(self, images: Tensor) -> Tensor:
        self.left -= self.training
        return self.inner(images) * (self.value if self.left < 0 else 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_training(digits: Dataset, value: float) -> None:
    network = _Spoilt(5, value)
    rows = []
    with pytest.raises(Diverged, match="in epoch 2"):
        rows.extend(Training(network, Classify(), digits, SHORT, size=(8, 8)).run())
    assert network.left > -11, "noticed within ten steps"


def test_the_deadline_ends_the_training(digits: Dataset) -> None:
    with pytest.raises(TimeIsUp):
        _train(_network(), digits, SHORT, deadline=time.monotonic() - 1)


def test_average_follows_the_weights() -> None:
    network = nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    average = Average(network, 0.5)
    expected = 0.0
    for step in range(1, 30):
        network.weight.data.fill_(float(step))
        average.update()
        decay = min(0.5, step / (10 + step))
        expected = decay * expected + (1 - decay) * step
    with average.applied():
        assert network.weight.item() == pytest.approx(expected)
    assert network.weight.item() == 29


def test_the_average_is_what_is_evaluated_and_kept(digits: Dataset) -> None:
    network = _network()
    *_, last = _train(network, digits, replace(SHORT, ema_decay=0.99))
    found = evaluate(network, Classify(), ImageBatches(digits, SHORT, (8, 8), "cpu").val(), "fp32")
    loss, top1 = found["val_loss"], found["top1"]
    assert (loss, top1) == (last.values["val_loss"], last.values["top1"])
    plain = _network()
    _train(plain, digits, SHORT)
    assert not torch.equal(_weights(plain), _weights(network))


def test_clipping_bounds_the_step(digits: Dataset) -> None:
    free, clipped = _network(), _network()
    start = _weights(free)
    recipe = replace(SHORT, epochs=1, samples=64, warmup_epochs=0)
    _train(free, digits, replace(recipe, clip_norm=None))
    _train(clipped, digits, replace(recipe, clip_norm=1e-6))
    assert not torch.equal(_weights(free), start)
    assert not torch.equal(_weights(free), _weights(clipped))
