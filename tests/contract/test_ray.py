"""The insides of Ray that mlpnas relies on, so that a release that changes them fails here; no Ray is started."""

import inspect
from typing import Any

import pytest

ray_cluster = pytest.importorskip("mlpnas.engine.backends._ray_cluster")
ray_tune = pytest.importorskip("mlpnas.engine.backends._ray_tune")

from ray import tune  # noqa: E402
from ray.tune.execution.tune_controller import TuneController  # noqa: E402

from mlpnas.engine.devices import Node  # noqa: E402
from mlpnas.errors import DataError, RunError  # noqa: E402
from mlpnas.training import memory  # noqa: E402


def test_tune_runs_our_controller() -> None:
    assert issubclass(ray_tune.Controller, TuneController)
    assert inspect.getmodule(tune.run).TuneController is ray_tune.Controller  # type: ignore[union-attr]


def test_tunes_loop_still_calls_what_we_override() -> None:
    asked = inspect.getsource(TuneController._maybe_add_actors)
    assert "self._maybe_reuse_cached_actor(start_trial)" in asked
    assert list(inspect.signature(TuneController._maybe_reuse_cached_actor).parameters) == ["self", "trial"]
    assert "self._trial_to_actor" in inspect.getsource(TuneController.__init__)


class _Loop(ray_tune.Controller):  # type: ignore[misc, name-defined]
    def __init__(self, starting: dict[str, str] | None) -> None:
        if starting is not None:
            self._trial_to_actor = starting


@pytest.mark.parametrize(("starting", "taken"), [({"trial": "actor"}, False), ({}, True), (None, True)])
def test_a_trial_whose_worker_starts_takes_no_other_worker(
    starting: dict[str, str] | None, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tune decides by itself if Ray has moved this."""
    monkeypatch.setattr(TuneController, "_maybe_reuse_cached_actor", lambda self, trial: True)
    assert _Loop(starting)._maybe_reuse_cached_actor("trial") is taken


def test_tunes_trials_have_the_attributes_that_are_used() -> None:
    trial = tune.experiment.Trial("TuneWorker", stub=True, config={"job": ""})
    assert {"config", "max_failures", "error_file", "last_result", "trial_id"} <= {*vars(trial), *dir(type(trial))}
    assert hasattr(trial.temporary_state, "ray_actor")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a cluster: a node of cores, two with GPUs, the second with smaller ones, and one that has left."""
    nodes = [("cores", {"CPU": 4.0}), ("large", {"CPU": 8.0, "GPU": 2.0}), ("small", {"CPU": 8.0, "GPU": 1.0})]
    told = [{"NodeID": name, "Alive": True, "Resources": held} for name, held in nodes]
    told.append({"NodeID": "gone", "Alive": False, "Resources": {"GPU": 8.0}})
    monkeypatch.setattr(ray_cluster.ray, "nodes", lambda: told)

    def on(node: str, function: Any, *arguments: Any) -> Any:
        if function is memory.total_bytes:
            return {"large": 80, "small": 24}[node]
        return function(node, *arguments)

    monkeypatch.setattr(ray_cluster, "_on", on)
    monkeypatch.setattr(ray_cluster.ray, "get", lambda questions, timeout=None: questions)
    return ray_cluster.Cluster()


def test_the_smallest_gpu_decides(cluster: Any) -> None:
    assert cluster.nodes == [Node(4, 0), Node(8, 2), Node(8, 1)]
    assert cluster.call(lambda node, more: (node, more), "more") == ("small", "more")


def test_without_gpus_the_call_is_made_here(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster.ray, "nodes", lambda: [])
    assert ray_cluster.Cluster().call(lambda more: more, "here") == "here"


class _Failed(ray_cluster.ray.exceptions.RayError):  # type: ignore[misc, name-defined]
    cause: Exception | None = None


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (ray_cluster.ray.exceptions.GetTimeoutError(), "no GPU of the cluster got free in 120 s"),
        (_Failed("the node died"), "the worker died"),
        (_Failed("a traceback\nOSError: no such device"), "OSError: no such device"),
    ],
)
def test_errors_on_a_node_are_raised_here(
    raised: Exception, told: str, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise raised

    monkeypatch.setattr(ray_cluster.ray, "get", fail)
    with pytest.raises(RunError, match=told):
        cluster.call(len)


def test_errors_of_mlpnas_are_raised_unchanged(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = _Failed("a traceback")
    failed.cause = DataError("photos: no such folder")

    def fail(*_: Any, **__: Any) -> Any:
        raise failed

    monkeypatch.setattr(ray_cluster.ray, "get", fail)
    with pytest.raises(DataError, match="photos: no such folder"):
        cluster.call(len)
