"""Resumed runs: the same data at any place, and machines that can train."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mlpnas
from mlpnas.engine.devices import Node
from mlpnas.engine.planning import placement
from mlpnas.engine.planning.resume import plan_resume
from mlpnas.errors import DataError, MlpnasError, RunError
from mlpnas.manifest import Manifest
from mlpnas.run import Run
from mlpnas.search_options import SearchOptions
from mlpnas.training.recipe import Recipe
from tests.support.manifests import with_fields

SPACE = """\
version: 1
name: tiny
input: {size: 8, channels: 3, classes: 2}
stem: {patch: 4}
width: {choose: [8, 16]}
stages: {count: 1, each: {depth: 1, mixer: token_linear}}
"""


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Twenty images of cats and as many of dogs."""
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{number:02d}.png")
    return tmp_path / "pets"


@pytest.fixture
def made(images: Path, tmp_path: Path) -> Path:
    run = tmp_path / "run"
    objectives = ("macs", "params")
    space = mlpnas.SearchSpace(SPACE)
    mlpnas.search(space, trials=1, data=str(images), objectives=objectives, recipe=Recipe(), backend="local", run=run)
    return run


def _resume(run: Path, **asked: Any) -> Manifest:
    return plan_resume(Run(run), SearchOptions(**asked))


def test_changed_data_are_refused_with_the_change(made: Path, images: Path) -> None:
    assert _resume(made).asked.trials.number == 1
    shutil.copy(images / "cats" / "00.png", images / "cats" / "more.png")
    with pytest.raises(RunError, match=r"not the data that this run's trials were trained on \(.*images, not"):
        _resume(made)


def test_another_class_is_named(made: Path, images: Path) -> None:
    (images / "dogs").rename(images / "wolves")
    with pytest.raises(RunError, match=r"new classes: wolves; classes that are gone: dogs"):
        _resume(made)


def test_other_pixels_of_as_many_images_are_noticed(made: Path, images: Path) -> None:
    shutil.copy(images / "cats" / "00.png", images / "dogs" / "00.png")
    with pytest.raises(RunError, match="as many images of the same classes, but others"):
        _resume(made)


def test_data_that_have_moved_are_found_at_their_new_place(made: Path, images: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "animals"
    moved.parent.mkdir()
    images.rename(moved)
    with pytest.raises(DataError, match=r"if the data have moved, give their new place by --data"):
        _resume(made)
    assert _resume(made, data=str(moved)).decided.data["path"] == str(moved)
    (moved / "cats" / "00.png").unlink()
    with pytest.raises(RunError, match="not the data"):
        _resume(made, data=str(moved))


def test_data_of_an_older_run_are_compared_by_their_counts(made: Path, images: Path) -> None:
    """The old fingerprint hashed decoded pixels, so it decides nothing."""
    manifest = json.loads((made / "run.json").read_text())
    manifest["found"]["data"]["fingerprint"] = "6eab286d742c4db7"
    (made / "run.json").write_text(json.dumps(manifest))
    assert _resume(made).asked.trials.number == 1
    (images / "cats" / "00.png").unlink()
    with pytest.raises(RunError, match=r"train: \d+ images, not \d+"):
        _resume(made)


def test_the_same_data_packed_into_an_archive_go_on(made: Path, images: Path, tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", images)
    shutil.rmtree(images)
    assert _resume(made, data=packed).decided.data["source"] == "zip_file"


def test_the_same_budget_may_be_written_otherwise(made: Path) -> None:
    with_fields(Run(made).manifest, budget=("2MMACs", "1Mparams")).write(made)
    assert _resume(made, budget=["1000kparams", "2MMACs"]).asked.budget == ("2MMACs", "1Mparams")
    with pytest.raises(RunError, match="--budget 2MMACs: this run was searched with 2MMACs 1Mparams"):
        _resume(made, budget="2MMACs")


def test_a_refused_resume_leaves_the_run_as_it_was(made: Path) -> None:
    before = (made / "run.json").read_bytes()
    with pytest.raises(RunError, match="--seed 5"):
        mlpnas.search(run=made, resume=True, seed=5, trials="+1")
    assert (made / "run.json").read_bytes() == before


def _on_gpus(made: Path, monkeypatch: pytest.MonkeyPatch, nodes: list[Node], **changes: Any) -> None:
    """A run that was made on GPUs, and machines for it."""

    class Fake:
        def __init__(self) -> None:
            self.nodes = nodes

    @contextmanager
    def machines(options: Any) -> Iterator[Fake]:
        yield Fake()

    monkeypatch.setattr(placement, "machines", machines)
    plain = {"device": "cuda", "gpus_per_trial": 0.25, "backend": "ray", "workers": 8, "scheduler": "tune"}
    with_fields(Run(made).manifest, **plain | changes).write(made)


@pytest.mark.parametrize("more", [{}, {"backend": "local", "scheduler": ""}, {"address": "head:6379"}])
def test_resuming_a_gpu_run_without_a_gpu_is_refused_at_once(
    made: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    _on_gpus(made, monkeypatch, [Node(4, 0)], **more)
    with pytest.raises(RunError, match=r"ran on a GPU, and none can be used here: `--device cpu` goes on"):
        _resume(made)
    manifest = _resume(made, device="cpu")
    assert (manifest.decided.device, manifest.decided.gpus_per_trial) == ("cpu", 0)
    assert manifest.decided.workers == {"local": 1}.get(manifest.asked.backend, 0 if more else 4)


def test_a_run_made_on_a_gpu_goes_on_on_gpus(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _on_gpus(made, monkeypatch, [Node(16, 2)])
    manifest = _resume(made)
    assert (manifest.decided.device, manifest.decided.gpus_per_trial, manifest.decided.workers) == ("cuda", 0.25, 8)
    manifest = _resume(made, gpus_per_trial=1)
    assert (manifest.decided.gpus_per_trial, manifest.decided.workers, manifest.decided.scheduler) == (1, 2, "tune")


def test_two_gpus_a_trial_of_an_older_run_become_one(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _on_gpus(made, monkeypatch, [Node(16, 2)], gpus_per_trial=2.0)
    assert _resume(made).decided.gpus_per_trial == 1


def test_a_run_made_on_cores_stays_there_unless_asked(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _on_gpus(made, monkeypatch, [Node(16, 2)], device="cpu", gpus_per_trial=0.0)
    assert _resume(made, workers=3).decided.device == "cpu"
    manifest = _resume(made, device="cuda")
    assert (manifest.decided.device, manifest.decided.gpus_per_trial, manifest.decided.workers) == ("cuda", 1, 2)


@pytest.mark.parametrize(
    "asked",
    [
        {"workers": 0},
        {"device": "tpu"},
        {"backend": "dask"},
        {"trials": "²"},
        {"trials": 0},
        {"time": "5"},
        {"gpus_per_trial": 4},
        {"address": "head:1"},
    ],
)
def test_what_cannot_be_done_is_refused_on_resume_too(made: Path, asked: dict[str, Any]) -> None:
    with pytest.raises(MlpnasError):
        _resume(made, **asked)
