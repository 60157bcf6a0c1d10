"""Shares of a GPU, the scheduler and the device, decided from invented figures on invented machines."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import pytest

from mlpnas.engine.devices import Node, slots
from mlpnas.engine.planning import placement, sizing
from mlpnas.engine.planning.prepare import prepare
from mlpnas.errors import RunError
from mlpnas.manifest import Manifest
from mlpnas.search_options import SearchOptions
from mlpnas.space import SearchSpace
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.training import memory
from mlpnas.training.recipe import Recipe
from mlpnas.training.speed import Timings
from tests.support.drivers import TINY

GB = 2**30
FAST = {"fp32": (0.05,), "bf16": (0.05,)}  # seconds where one was estimated


@pytest.mark.parametrize(
    ("needs", "there", "count"),
    [(17 * GB, 80 * GB, 4), (1 * GB, 80 * GB, 8), (41 * GB, 80 * GB, 1), (200 * GB, 80 * GB, 1), (inf, 80 * GB, 1)],
)
def test_as_many_share_a_gpu_as_fit_it(needs: float, there: float, count: int) -> None:
    assert memory.trials_per_gpu(needs, there) == count


@pytest.mark.parametrize("count", range(1, 9))
def test_all_sharers_together_are_one_gpu_at_most(count: int) -> None:
    share = memory.share(count)
    assert round(share * 10_000) * count <= 10_000
    assert Node(64, 3).slots(share) == 3 * count


def test_slots_are_whole_gpus_by_sharers_and_need_a_core_each() -> None:
    nodes = [Node(cores=3, gpus=1), Node(cores=16, gpus=2), Node(cores=8, gpus=0)]
    assert [slots(nodes, share) for share in (0, 0.25, 0.4, 1)] == [27, 11, 6, 3]


def _spec(width: int, mixer: str = "token_mlp") -> ArchSpec:
    return ArchSpec((Stage(width, 2, Layer(mixer), 2),), Stem(4), 16, classes=10)


def test_the_heaviest_keeps_the_most_bytes() -> None:
    specs = [_spec(16), _spec(64), _spec(32)]
    assert memory.heaviest(specs, 64) == specs[1]


class Fake:
    """Invented machines; see devices.Devices."""

    def __init__(self, *nodes: Node) -> None:
        self.nodes = nodes

    def call(self, function: Any, *arguments: Any) -> Any:
        return function(*arguments)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return figures for a test to change: [bytes of the heaviest, bytes of the GPU, seconds of a trial]."""
    figures = [17.0 * GB, 80.0 * GB, 60.0]
    monkeypatch.setattr(memory, "training_bytes", lambda *_: figures[0])
    monkeypatch.setattr(memory, "total_bytes", lambda *_: figures[1])
    monkeypatch.setattr(sizing.auto, "expected_seconds", lambda *_: figures[2])
    monkeypatch.setattr(sizing, "device_name", lambda device: f"a {device}")
    return figures


def _prepared(monkeypatch: pytest.MonkeyPatch, nodes: Sequence[Node], **asked: Any) -> Manifest:
    @contextmanager
    def devices(options: SearchOptions) -> Iterator[Fake]:
        yield Fake(*nodes)

    monkeypatch.setattr(placement, "machines", devices)
    plain = SearchOptions(
        space=SearchSpace(TINY),
        sampler="random",
        trials=8,
        data="digits",
        recipe=Recipe(epochs=2),
        fill=0,
    )
    return prepare(replace(plain, **asked), Path("run"))


def test_a_gpu_is_shared_and_the_run_says_why(monkeypatch: pytest.MonkeyPatch, measured: list[float]) -> None:
    manifest = _prepared(monkeypatch, [Node(16, 2)])
    assert (manifest.decided.device, manifest.decided.gpus_per_trial, manifest.decided.workers) == ("cuda", 0.25, 8)
    assert manifest.decided.notes[-1] == "4 trials share a GPU: the heaviest architecture needs 17 GiB of 80 GiB"
    assert manifest.found.machine["gpu"] == "a cuda"


def test_a_cluster_trains_on_its_gpus_though_the_driver_has_none(
    monkeypatch: pytest.MonkeyPatch, measured: list[float]
) -> None:
    manifest = _prepared(monkeypatch, [Node(2, 0), Node(16, 4)], address="head:6379")
    assert (manifest.decided.device, manifest.decided.gpus_per_trial) == ("cuda", 0.25)
    assert manifest.decided.workers == 0  # as many as the cluster holds


def test_no_more_share_a_gpu_than_there_are_cores(monkeypatch: pytest.MonkeyPatch, measured: list[float]) -> None:
    assert _prepared(monkeypatch, [Node(2, 1)]).decided.gpus_per_trial == 0.5


def test_the_run_says_what_does_not_fit_a_gpu(monkeypatch: pytest.MonkeyPatch, measured: list[float]) -> None:
    measured[0] = inf
    manifest = _prepared(monkeypatch, [Node(16, 1)])
    assert manifest.decided.gpus_per_trial == 1
    assert "does not fit 80 GiB in batches of 128" in manifest.decided.notes[-1]
    assert "smaller batch_size or input_size" in manifest.decided.notes[-1]


@pytest.mark.parametrize(
    ("asked", "share"),
    [
        ({"gpus_per_trial": 0.5}, 0.5),
        ({"gpus_per_trial": 1}, 1),
        ({"objectives": ("top1", "latency")}, 1),  # neighbours would be measured with it
        ({"objectives": ("macs", "params")}, 1),
        ({"backend": "local"}, 1),
    ],
)
def test_a_share_that_needs_no_measuring_is_not_measured(
    asked: dict[str, Any], share: float, monkeypatch: pytest.MonkeyPatch, measured: list[float]
) -> None:
    def fail(*_: Any) -> float:
        raise AssertionError("measured")

    monkeypatch.setattr(memory, "training_bytes", fail)
    assert _prepared(monkeypatch, [Node(16, 2)], **asked).decided.gpus_per_trial == share


@pytest.mark.parametrize("asked", [{"gpus_per_trial": 0}, {"device": "cpu"}])
def test_no_gpu_per_trial_takes_the_cores(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch, measured: list[float]
) -> None:
    manifest = _prepared(monkeypatch, [Node(16, 2)], **asked)
    assert (manifest.decided.device, manifest.decided.gpus_per_trial, manifest.decided.workers) == ("cpu", 0, 16)


@pytest.mark.parametrize(
    ("asked", "nodes", "told"),
    [
        ({"gpus_per_trial": 2}, [Node(16, 4)], "--gpus-per-trial 2: a trial trains on one GPU"),
        ({"gpus_per_trial": 1}, [Node(4, 0)], "--gpus-per-trial 1: no machine has a GPU"),
        ({"device": "cuda"}, [Node(4, 0)], "--device cuda: no GPU can be used here"),
        ({"device": "cpu", "gpus_per_trial": 0.5}, [Node(16, 1)], "contradict each other"),
        ({"device": "cuda", "gpus_per_trial": 0}, [Node(16, 1)], "contradict each other"),
    ],
)
def test_gpus_that_cannot_be_had_are_refused(
    asked: dict[str, Any],
    nodes: list[Node],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    measured: list[float],
) -> None:
    with pytest.raises(RunError, match=told):
        _prepared(monkeypatch, nodes, **asked)


@pytest.mark.parametrize(
    ("seconds", "asked", "scheduler"),
    [
        (3, {}, "pool"),
        (10, {}, "tune"),
        (60, {"trial_time": 5}, "pool"),
        (60, {"objectives": ("naswot", "macs")}, "pool"),
        (3, {"backend": "local"}, ""),
    ],
)
def test_short_trials_go_to_the_pool(
    seconds: float, asked: dict[str, Any], scheduler: str, monkeypatch: pytest.MonkeyPatch, measured: list[float]
) -> None:
    measured[2] = seconds
    manifest = _prepared(monkeypatch, [Node(2, 0)], **asked)
    assert manifest.decided.scheduler == scheduler
    assert any("a trial takes about" in note for note in manifest.decided.notes) == (
        scheduler == "pool" and "objectives" not in asked
    )


def test_the_scheduler_fits_the_time_to_the_first_rung(monkeypatch: pytest.MonkeyPatch, measured: list[float]) -> None:
    monkeypatch.setattr(sizing.auto, "timings", lambda networks, task, batch, device: Timings(device, (1.0,), FAST))
    manifest = _prepared(monkeypatch, [Node(2, 0)], recipe="auto", fidelity="epochs=1,3,9")
    assert manifest.decided.recipe["epochs"] == 9
    for said in (", 9 epochs of 1,151 images", "after 1 or 3 epochs; the mean is 2.3", "s to its first stop: a pool"):
        assert any(said in note for note in manifest.decided.notes), said
