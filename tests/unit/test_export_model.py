"""Export of a trial as a model: its network, its weights, its card."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mlpnas.errors import ExportError
from mlpnas.exporters import fresh
from mlpnas.exporters._pick import model_of
from mlpnas.record import Record
from mlpnas.run import Run
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.training.proxy import proxy
from tests.support import fake_runs

FLAT = ArchSpec(
    (
        Stage(16, 1, Layer("token_linear"), norm=Layer("affine"), layer_scale=0.1),
        Stage(16, 1, Layer("token_mlp"), downsample=Layer("none")),
    ),
    Stem(4),
    16,
)
DECLARED = replace(FLAT, channels=1, classes=10)


def trained_network(spec: ArchSpec) -> nn.Module:
    return fresh(spec, seed=77)


def logits(network: nn.Module, spec: ArchSpec) -> Tensor:
    images = torch.randn(2, spec.channels, *spec.image, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        return network(images)


def run_with(folder: Path, trained: ArchSpec | None, declared: ArchSpec = DECLARED) -> Run:
    """Return a run of one trial and its duplicate, with the weights of `trained`; None: not kept."""
    written = fake_runs.record(0, declared, 0.9, weights="weights/0.safetensors")
    repeat = replace(written, trial=1, origin="duplicate", weights="")
    run = fake_runs.write(folder, [written, repeat])
    if trained:
        (folder / "weights").mkdir()
        weights = trained_network(trained).state_dict()
        save_file(weights, folder / "weights" / "0.safetensors", {"spec": trained.dumps()})
    return run


def trial(run: Run, number: int = 0) -> Record:
    return run.records[number]


@pytest.mark.parametrize("number", [0, 1])
def test_trained_weights_are_exported_only_as_declared(tmp_path: Path, number: int) -> None:
    run = run_with(tmp_path, DECLARED)
    found = model_of(run, trial(run, number))
    assert (found.spec, found.is_trained, found.origin) == (DECLARED, True, "trained in the search")
    assert torch.equal(logits(found.network, found.spec), logits(trained_network(found.spec), found.spec))
    assert "**Weights:** trained in the search" in found.card


@pytest.mark.parametrize(
    ("declared", "changed", "said"),
    [
        (DECLARED, {"input_size": 8}, "input size 8 for 16"),
        (DECLARED, {"width_scale": 2.0}, "widths from 32 for 16"),
        (FLAT, {}, "channels 1 for 3, classes 10 for 1000"),
    ],
)
def test_a_proxy_gives_its_architecture_with_fresh_weights(
    tmp_path: Path, declared: ArchSpec, changed: dict[str, float], said: str
) -> None:
    options = {"channels": 1, "classes": 10, "input_size": None, "width_scale": 1.0} | changed
    fidelity = {name: options.pop(name) for name in ("input_size", "width_scale")}
    trained = proxy(replace(declared, **options), **fidelity)
    run = run_with(tmp_path, trained, declared)
    found = model_of(run, trial(run))
    assert found.spec == declared
    assert not found.is_trained
    assert found.origin == f"fresh from seed 0: the search trained a proxy ({said}); --proxy exports that one"
    assert found.origin in found.card
    assert "**Train it before use.**" in found.card
    same = fresh(found.spec, seed=0).state_dict()
    assert all(torch.equal(value, same[name]) for name, value in found.network.state_dict().items())


def test_the_proxy_itself_leaves_with_its_weights(tmp_path: Path) -> None:
    smaller = DECLARED.at(8)
    run = run_with(tmp_path, smaller)
    found = model_of(run, trial(run), as_proxy=True)
    assert (found.spec, found.is_trained) == (smaller, True)
    assert torch.equal(logits(found.network, smaller), logits(trained_network(smaller), smaller))


def test_weights_that_were_not_kept(tmp_path: Path) -> None:
    run = run_with(tmp_path, None)
    assert "fresh from seed 0: the trained ones were not kept" in model_of(run, trial(run)).origin
    with pytest.raises(ExportError, match="trained weights of trial 0 were not kept"):
        model_of(run, trial(run), as_proxy=True)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"spec": DECLARED.dumps()}, "weights of another network"),
        ({"spec": "{"}, "does not say of which network"),
        (None, "does not say of which network"),
    ],
)
def test_weights_of_something_else_are_refused(tmp_path: Path, metadata: dict[str, str] | None, said: str) -> None:
    run = run_with(tmp_path, DECLARED)
    save_file(
        trained_network(replace(DECLARED, classes=7)).state_dict(), tmp_path / "weights" / "0.safetensors", metadata
    )
    with pytest.raises(ExportError, match=rf"0\.safetensors: {said}"):
        model_of(run, trial(run))


def test_torn_weights_are_named(tmp_path: Path) -> None:
    run = run_with(tmp_path, DECLARED)
    (tmp_path / "weights" / "0.safetensors").write_bytes(b"torn")
    with pytest.raises(ExportError, match=r"0\.safetensors: no readable safetensors file"):
        model_of(run, trial(run))


def test_card_tells_what_it_is_and_how_it_was_found(tmp_path: Path) -> None:
    run = run_with(tmp_path, DECLARED)
    card = model_of(run, trial(run)).card
    for words in (
        'mlpnas.load("path/to/this/folder")',
        "(batch, 1, 16, 16)",
        "| 1 | 4x4 | 16 | 1 | token\\_linear | x 4 | affine |",
        "| parameters | ",
        "90.0 % top-1",
        "--space quick.yaml --data mnist5k",
        "9d4c1f0a5e77b021",
        '"epochs": 3',
        "per channel less 0.1307, then over 0.3081",
        "license: # yours to choose",
    ):
        assert words in card


def test_card_keeps_names_of_others_as_text(tmp_path: Path) -> None:
    evil = "a|b\n# <script>alert(1)</script> [x](http://x)"
    written = fake_runs.record(0, DECLARED, 0.9)
    run = fake_runs.write(tmp_path, [written], replace(fake_runs.QUICK, name=evil, command=evil, space=evil))
    card = model_of(run, written).card
    assert "<script" not in card.replace("\\<script", "")
    assert "\n# <" not in card
    assert "](http" not in card.replace("\\](http", "")
