"""Steps of a few networks are timed, those of the others predicted; the clock is given, so nothing depends on it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mlpnas import cache
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.tasks.classify import Classify
from mlpnas.training import speed
from mlpnas.training.speed import Timings, estimate, known_timings, timings
from mlpnas.training.task import Task

Clock = Callable[[ArchSpec, int, str], dict[str, float]]


def _network(width: int = 16, depth: int = 1) -> ArchSpec:
    return ArchSpec((Stage(width, depth, Layer("token_linear")),), Stem(8), 32)


NETWORKS = [_network(8 * number) for number in range(1, 17)]


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[int, int]]:
    """(width, images) of each network that is timed: fp32 takes twice the estimate, bf16 three times."""
    calls: list[tuple[int, int]] = []

    def steps(network: ArchSpec, task: Task, images: int, device: str) -> dict[str, float]:
        calls.append((network.stages[0].width, images))
        rough = estimate(network, images, device)
        return {"fp32": 2 * rough, "bf16": 3 * rough}

    monkeypatch.setenv("MLPNAS_CACHE", str(tmp_path))
    monkeypatch.setattr(speed, "step_seconds", steps)
    monkeypatch.setattr(speed, "device_name", lambda device: "A processor (TM) @ 2 GHz")
    return calls


def test_a_few_networks_are_timed_and_the_others_follow(timed: list[tuple[int, int]]) -> None:
    found = timings(NETWORKS, Classify(), 64, "cpu")
    assert len(timed) == 8
    for network in NETWORKS:
        rough = estimate(network, 64, "cpu")
        assert found.step(network, 64, "fp32") == pytest.approx(2 * rough)
        assert found.step(network, 64, "bf16") == pytest.approx(3 * rough)
        assert Timings("cpu").step(network, 64, "fp32") == rough


def test_a_network_between_two_timed_ones_is_corrected_by_both() -> None:
    small, large = estimate(_network(16), 64, "cpu"), estimate(_network(256), 64, "cpu")
    found = Timings("cpu", (small, large), {"fp32": (small, 4 * large)})
    middle = _network(64)
    assert 1 < found.step(middle, 64, "fp32") / estimate(middle, 64, "cpu") < 4
    assert found.step(_network(8), 64, "fp32") == pytest.approx(estimate(_network(8), 64, "cpu"))
    assert found.step(_network(512), 64, "fp32") == pytest.approx(4 * estimate(_network(512), 64, "cpu"))


def test_what_was_timed_is_written_down(timed: list[tuple[int, int]]) -> None:
    assert known_timings(NETWORKS, Classify(), 64, "cpu") == Timings("cpu")
    first = timings(NETWORKS, Classify(), 64, "cpu")
    assert timings(NETWORKS, Classify(), 64, "cpu") == known_timings(NETWORKS, Classify(), 64, "cpu") == first
    assert len(timed) == 8
    timings(NETWORKS, Classify(), 32, "cpu")
    assert len(timed) == 16, "other batches are other steps"
    file = cache.folder("speed") / "a-processor-tm-2-ghz.json"
    known = cache.read_json(file)
    assert known is not None
    cache.write_json(file, known | {"torch": "1.0"})
    assert timings(NETWORKS, Classify(), 64, "cpu") == first
    assert len(timed) == 24, "another torch is another speed"


@pytest.mark.parametrize(
    "damage", [{"steps": 3}, {"steps": {}}, {"steps": {"KEY": "x"}}, {"steps": {"KEY": {"fp32": 1.0}}}, {}]
)
def test_a_damaged_cache_is_measured_again(damage: dict[str, object], timed: list[tuple[int, int]]) -> None:
    first = timings(NETWORKS, Classify(), 64, "cpu")
    file = cache.folder("speed") / "a-processor-tm-2-ghz.json"
    known = cache.read_json(file)
    assert known is not None
    if isinstance(steps := damage.get("steps"), dict) and "KEY" in steps:
        damage = {"steps": known["steps"] | {next(iter(known["steps"])): steps["KEY"]}}
    cache.write_json(file, {"torch": torch.__version__, **damage})
    assert timings(NETWORKS, Classify(), 64, "cpu") == first


def test_large_networks_are_timed_with_fewer_images(timed: list[tuple[int, int]]) -> None:
    large = replace(_network(1024, depth=12), input_size=256)
    found = timings([large], Classify(), 64, "cpu")
    ((_, images),) = timed
    assert 2 <= images < 64
    assert found.step(large, 64, "fp32") == pytest.approx(2 * estimate(large, 64, "cpu"))


def test_a_network_that_cannot_be_trained_is_left_to_its_trial(
    timed: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    working: Clock = speed.step_seconds

    def steps(network: ArchSpec, task: Task, images: int, device: str) -> dict[str, float]:
        if network == NETWORKS[1]:
            raise RuntimeError("does not train")
        return working(network, task, images, device)

    monkeypatch.setattr(speed, "step_seconds", steps)
    assert len(timings(NETWORKS, Classify(), 64, "cpu").estimates) == 7
    assert timings([NETWORKS[1]], Classify(), 64, "cpu") == Timings("cpu", (), {"fp32": (), "bf16": ()})


def test_a_real_step_takes_time_and_no_random_numbers() -> None:
    before = torch.get_rng_state()
    found = timings([_network()], Classify(), 4, "cpu")
    assert torch.equal(torch.get_rng_state(), before)
    assert all(0 < seconds < 10 for (seconds,) in found.seconds.values())
