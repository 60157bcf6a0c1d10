"""Networks with batch norm are judged with statistics of the weights they are judged with; others as ever."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from timm.utils import ModelEmaV3
from torch import Tensor, nn

from mlpnas.datasets import Dataset
from mlpnas.nets.network import build
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.tasks.classify import Classify
from mlpnas.training import batches as batches_module
from mlpnas.training import loop
from mlpnas.training import state as training_state
from mlpnas.training.average import Average
from mlpnas.training.batches import ImageBatches
from mlpnas.training.loop import Training, evaluate
from mlpnas.training.recipe import Recipe
from mlpnas.training.statistics import reestimate

NORM = Layer("batch")
BATCH_NORM = ArchSpec(
    (Stage(16, 2, Layer.of("rep_mlp", partition=4), 2, norm=NORM, channel_mlp=Layer("batch_norm_mlp")),),
    Stem(2, NORM),
    8,
    channels=1,
    classes=10,
    norm=NORM,
)
LAYER_NORM = ArchSpec((Stage(16, 2, Layer("token_mlp"), 2),), Stem(2), 8, channels=1, classes=10)
SHORT = Recipe(epochs=3, batch_size=64, learning_rate=5e-3, warmup_epochs=0.5)


def _network(spec: ArchSpec = BATCH_NORM) -> nn.Module:
    torch.manual_seed(0)
    return build(spec, 0.2)


def _statistics(network: nn.Module) -> list[Tensor]:
    return [value for name, value in network.state_dict().items() if "running_" in name]


def test_statistics_are_those_of_the_sample(digits: Dataset) -> None:
    """The mean over batches, each with the weights of now: what a fresh cumulative average in train mode gives."""
    network = _network()
    sample = ImageBatches(digits, SHORT, (8, 8), "cpu").sample
    reestimate(network, sample, "fp32")
    other = build(BATCH_NORM).train()
    other.load_state_dict(network.state_dict())
    for module in other.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.reset_running_stats()
            module.momentum = None
    with torch.no_grad():
        for images in sample():
            other(images)
    for found, wanted in zip(_statistics(network), _statistics(other), strict=True):
        torch.testing.assert_close(found, wanted)


def test_the_sample_is_small_plain_and_the_same_each_time(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = replace(SHORT, crop_padding=0.1, flip="yes")
    plain = torch.cat([images for images, _ in ImageBatches(digits, recipe, (8, 8), "cpu")._plain(digits.train)])
    (images,) = ImageBatches(digits, recipe, (8, 8), "cpu").sample()
    assert torch.equal(images, plain[:256])
    monkeypatch.setattr(batches_module, "_VAL_BATCH", 32)
    some = list(ImageBatches(digits, recipe, (8, 8), "cpu").sample())
    assert len(some) == 4
    assert torch.equal(torch.cat(some), plain[:128])


def test_a_network_of_one_epoch_is_evaluated_as_it_is(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """The running mean lags behind: it is right once the rate has fallen to nothing, if at all."""
    network = _network()
    (row,) = Training(network, Classify(), digits, SHORT, size=(8, 8)).run(until=1)
    monkeypatch.setattr(loop, "reestimate", lambda *_: None)
    lagging = _network()
    (before,) = Training(lagging, Classify(), digits, SHORT, size=(8, 8)).run(until=1)
    assert row.train_loss == before.train_loss
    assert row.values["val_loss"] < before.values["val_loss"]
    assert row.values["top1"] > before.values["top1"] + 0.1


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_the_stored_weights_are_those_evaluated(digits: Dataset, ema_decay: float | None) -> None:
    network = _network()
    recipe = replace(SHORT, ema_decay=ema_decay)
    *_, last = Training(network, Classify(), digits, recipe, size=(8, 8)).run()
    found = evaluate(network, Classify(), ImageBatches(digits, recipe, (8, 8), "cpu").val(), "fp32")
    assert (found["val_loss"], found["top1"]) == (last.values["val_loss"], last.values["top1"])
    before = [value.clone() for value in _statistics(network)]
    reestimate(network, ImageBatches(digits, recipe, (8, 8), "cpu").sample, "fp32")
    for kept, again in zip(before, _statistics(network), strict=True):
        assert torch.equal(kept, again), "statistics of these weights"


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_a_batch_norm_training_resumes_as_if_never_stopped(
    digits: Dataset, tmp_path: Path, ema_decay: float | None
) -> None:
    recipe = replace(SHORT, ema_decay=ema_decay, drop_path=0.2)
    whole = _network()
    expected = [replace(row, seconds=0) for row in Training(whole, Classify(), digits, recipe, size=(8, 8)).run()]
    rows, file = [], tmp_path / "state"
    for until in (1, 2, None):
        network = _network()
        training = Training(network, Classify(), digits, recipe, size=(8, 8))
        if file.exists():
            training_state.restore(training, str(file), recipe.epochs)
        rows += [replace(row, seconds=0) for row in training.run(until)]
        file.write_bytes(training_state.dumps(training.state()))
    assert rows == expected
    for one, other in zip(network.state_dict().values(), whole.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_without_batch_norm_nothing_is_done(digits: Dataset) -> None:
    def fail() -> Iterator[Tensor]:
        raise AssertionError("images were asked for")

    network = _network(LAYER_NORM).train()
    reestimate(network, fail, "fp32")
    assert network.training


def test_the_average_of_buffers_is_timm_s() -> None:
    network = _network()
    theirs = ModelEmaV3(network, decay=0.9)
    average = Average(network, 0.9)
    average.steps = 1000  # past the warm-up
    for step in range(4):
        network(torch.randn(8, 1, 8, 8))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.1 * step)
        theirs.update(network)
        average.update()
    with average.applied():
        for name, value in theirs.module.state_dict().items():
            torch.testing.assert_close(network.state_dict()[name], value, msg=name)
