"""The choice of `--recipe auto` with given seconds per step, so that it does not depend on the machine."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mlpnas.costs import cost
from mlpnas.datasets import Survey, resolve, survey
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.tasks.classify import Classify
from mlpnas.training import auto, speed
from mlpnas.training.task import fit_to_data

Speeds = Mapping[str, tuple[float, float, float]]  # seconds per MAC, byte and block, in each precision
SLOW: Speeds = {"fp32": (2e-11, 1.3e-9, 2e-3), "bf16": (5e-12, 1.2e-9, 3e-3)}
FAST: Speeds = {"fp32": (2e-14, 1e-12, 1e-4), "bf16": (5e-15, 5e-13, 1e-4)}


@pytest.fixture(scope="module")
def digits() -> Survey:
    return survey(resolve("digits"))


@pytest.fixture
def photos(digits: Survey) -> Survey:
    """Return a survey of 40,000 photos of up to 256 x 400."""
    images = {"train": 40_000, "val": 10_000}
    return replace(digits, channels=3, smallest=(100, 90), largest=(256, 400), images=images)


def _step(speeds: Speeds, network: ArchSpec, batch: int, precision: str) -> float:
    per_mac, per_byte, per_block = speeds[precision]
    one, blocks = cost(network), sum(stage.depth for stage in network.stages)
    return batch * (3 * one.macs * per_mac + one.activation_bytes * per_byte) + blocks * per_block


def _clock(monkeypatch: pytest.MonkeyPatch, speeds: Speeds) -> None:
    """A device whose steps take so long."""
    monkeypatch.setattr(
        speed,
        "step_seconds",
        lambda network, task, images, device: {one: _step(speeds, network, images, one) for one in speeds},
    )


@pytest.fixture(autouse=True)
def slow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLPNAS_CACHE", str(tmp_path))
    _clock(monkeypatch, SLOW)


def _small(width: int = 32) -> ArchSpec:
    return ArchSpec((Stage(width, 2, Layer.of("token_mlp", ratio=1.0), 2),), Stem(2), 8, channels=1)


def _large() -> list[ArchSpec]:
    mixers = (Layer.of("axial_shift"), Layer.of("gmlp", ratio=2), Layer.of("window_attention"), Layer.of("token_mlp"))
    return [
        ArchSpec(tuple(Stage(width * 2**n, 4, mixer, 3, Layer("group")) for n, mixer in enumerate(mixers)), Stem(4))
        for width in (64, 96, 128)
    ]


def test_small_networks_are_trained_as_they_are(digits: Survey) -> None:
    recipe, lines = auto.choose([_small(), _small(16)], Classify(), digits, "cpu", workers=2, trials=24)
    assert (recipe.width_scale, recipe.input_size, recipe.samples) == (1, None, None)
    assert 6 <= recipe.epochs <= 15
    assert "full width" in lines[0]
    assert "as declared" in lines[0]


def test_inputs_are_no_larger_than_the_images_can_fill(photos: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    _clock(monkeypatch, FAST)
    for largest, input_size in (((64, 32), 32), ((96, 130), 96), ((500, 375), None)):
        small = replace(photos, largest=largest)
        assert auto.choose(_large(), Classify(), small, "cpu", workers=1, trials=1)[0].input_size == input_size


def test_large_networks_shrink_until_they_end_in_time(digits: Survey) -> None:
    specs = _large()
    recipe, lines = auto.choose(specs, Classify(), digits, "cpu", workers=2, trials=8)
    assert recipe.input_size == 32
    assert recipe.width_scale < 1
    assert _predicted(recipe, specs, digits) <= 75 * 1.01
    assert "input 32 (declared 224)" in lines[0]
    assert len({recipe.network(fit_to_data(spec, Classify(), digits)).stages[0].width for spec in specs}) == len(specs)


def _predicted(recipe: auto.Recipe, specs: list[ArchSpec], data: Survey) -> float:
    steps = min(recipe.samples or 10**9, data.images["train"]) // recipe.batch_size
    networks = [recipe.network(fit_to_data(spec, Classify(), data)) for spec in specs]
    seconds = [_step(SLOW, network, recipe.batch_size, recipe.precision) for network in networks]
    return recipe.epochs * steps * sum(seconds) / len(specs)


@pytest.mark.parametrize("factor", [0.1, 1, 10])
def test_the_proxy_is_chosen_by_timed_steps_of_the_space(
    digits: Survey, monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    """However far the first estimate is off."""
    slow = {name: tuple(factor * value for value in values) for name, values in SLOW.items()}
    _clock(monkeypatch, slow)  # type: ignore[arg-type]
    specs = _large()
    recipe, lines = auto.choose(specs, Classify(), digits, "cpu", workers=2, trials=8)
    assert 75 / 3 < factor * _predicted(recipe, specs, digits) <= 75 * 1.01
    assert lines[2].startswith("timed: a step of 3 of the networks takes ")
    assert lines[2].count(" ms in ") == 2


def test_many_images_are_thinned_out(photos: Survey) -> None:
    recipe, _ = auto.choose(_large(), Classify(), photos, "cpu", workers=2, trials=8)
    assert 1000 <= (recipe.samples or 0) <= 10_000


def test_fewer_trials_or_more_workers_leave_more_time_for_each(digits: Survey) -> None:
    deep = [replace(_small(48), stages=(replace(_small(48).stages[0], depth=40),))]
    searches = [(1, 64), (2, 16), (8, 16)]
    epochs = [auto.choose(deep, Classify(), digits, "cpu", workers, trials)[0].epochs for workers, trials in searches]
    assert epochs == sorted(epochs)
    assert epochs[0] < epochs[-1]


def test_early_stopping_leaves_time_for_more_images(photos: Survey) -> None:
    """1 epoch each, 2 more of a third, 6 more of a ninth: 1 + 2 / 3 + 6 / 9."""
    whole, _ = auto.choose(_large(), Classify(), photos, "cpu", workers=2, trials=8)
    stopped, lines = auto.choose(_large(), Classify(), photos, "cpu", workers=2, trials=8, rungs=(1, 3, 9))
    assert stopped.epochs == 9
    assert _work(stopped) > _work(whole)
    assert _predicted(stopped, _large(), photos) * (7 / 3) / 9 <= 75 * 1.01
    assert "9 epochs" in lines[0]
    assert lines[-1] == "early stopping: most trials end after 1 or 3 epochs; the mean is 2.3"


def _work(recipe: auto.Recipe) -> float:
    """Return the approximate work of an epoch."""
    assert recipe.samples
    assert recipe.input_size
    return recipe.samples * (recipe.input_size * recipe.width_scale) ** 2


def test_a_fast_device_takes_more_of_everything(photos: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    _clock(monkeypatch, FAST)
    for module in (auto, speed):
        monkeypatch.setattr(module, "device_name", lambda device: "a GPU")
    recipe, lines = auto.choose(_large(), Classify(), photos, "cuda", workers=1, trials=8)
    assert (recipe.width_scale, recipe.input_size, recipe.samples) == (1, None, None)
    assert recipe.epochs > 10
    assert recipe.precision == "bf16"
    assert "a GPU" in lines[1]


def test_precision_is_the_faster_one(digits: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    assert auto.choose([_small()], Classify(), digits, "cpu", 2, 24)[0].precision == "fp32"
    wide = replace(_small(1024), stages=(Stage(1024, 1, Layer("token_linear"), 4),))
    assert auto.choose([wide], Classify(), digits, "cpu", 2, 24)[0].precision == "bf16"


def test_wide_networks_learn_slower(digits: Survey) -> None:
    rates = [
        auto.choose([_small(width)], Classify(), digits, "cpu", 2, 24)[0].learning_rate for width in (16, 32, 64, 256)
    ]
    assert rates == sorted(rates, reverse=True)
    assert all(5e-4 <= rate <= 1e-2 for rate in rates)
