"""The contract of every exporter: the exported files hold the network that they name."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

import mlpnas
from mlpnas.errors import ExportError, MissingPackage
from mlpnas.exporters import Model, fresh, load, onnx
from mlpnas.plugins import find, names
from mlpnas.spec import ArchSpec, Layer, Stage, Stem

HEADS = {"head_dim": 8}
PYRAMID = ArchSpec(
    (
        Stage(16, 2, Layer.of("window_attention", window=4, **HEADS)),
        Stage(16, 1, Layer.of("axial_shift", shift_size=3, dilation=2), norm=Layer("group")),
        Stage(32, 1, Layer("gmlp"), mlp_ratio=0),
    ),
    Stem(2, Layer("layer")),
    input_size=(32, 16),
    channels=1,
    classes=3,
)
TOKENS = ArchSpec(
    (Stage(16, 1, Layer.of("attention", **HEADS)),), Stem(4), 16, classes=5, pool="cls", position_embedding=True
)
FLAT = ArchSpec(
    (
        Stage(16, 1, Layer("token_linear"), norm=Layer("affine"), layer_scale=0.1),
        Stage(16, 1, Layer("token_mlp"), downsample=Layer("none"), norm=Layer("batch")),
    ),
    Stem(4),
    16,
)
SPECS = {"pyramid": PYRAMID, "tokens": TOKENS, "flat": FLAT}
_SEEN = {stage.mixer.name for spec in SPECS.values() for stage in spec.stages}
_OTHERS = tuple(Stage(224, 1, Layer(name)) for name in names("mixers") if name not in _SEEN)
SPECS["others"] = ArchSpec(
    (_OTHERS[0], *(replace(stage, downsample=Layer("none")) for stage in _OTHERS[1:])), Stem(4), 28
)


def disturbed(spec: ArchSpec) -> nn.Module:
    """Return a network far from its initialisation, so that no branch is close to zero."""
    network = fresh(spec, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
    return network


def model(spec: ArchSpec, network: nn.Module | None = None) -> Model:
    facts = {"classes": ["a", "b"], "mean": [0.5], "std": [0.25]}
    return Model(spec, network or disturbed(spec), True, "trained in the search", facts, "# A card\n")


def images(spec: ArchSpec, batch: int) -> Tensor:
    return torch.randn(batch, spec.channels, *spec.image, generator=torch.Generator().manual_seed(3))


def logits(network: nn.Module, batch: Tensor) -> Tensor:
    with torch.inference_mode():
        return network(batch)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """Folders by exporter and network."""
    folders = {}
    for exporter in names("exporters"):
        for name, spec in SPECS.items():
            folder = tmp_path_factory.mktemp(f"{exporter}-{name}")
            files = find("exporters", exporter)().export(model(spec), folder)
            assert sorted(files) == sorted(folder.iterdir())
            assert all(file.stat().st_size for file in files)
            folders[exporter, name] = folder
    return folders


@pytest.mark.parametrize("exporter", names("exporters"))
@pytest.mark.parametrize("name", SPECS)
def test_files_have_the_rights_of_ordinary_ones(
    exported: dict[tuple[str, str], Path], exporter: str, name: str
) -> None:
    ordinary = exported[exporter, name] / "ordinary"
    ordinary.touch()
    wanted = ordinary.stat().st_mode
    ordinary.unlink()
    assert {file.stat().st_mode for file in exported[exporter, name].iterdir()} == {wanted}


@pytest.mark.parametrize("name", SPECS)
def test_folder_loads_as_the_same_network(exported: dict[tuple[str, str], Path], name: str) -> None:
    spec, folder = SPECS[name], exported["folder", name]
    network = mlpnas.load(folder)
    assert not network.training
    batch = images(spec, 3)
    assert torch.equal(logits(network, batch), logits(disturbed(spec), batch))
    assert ArchSpec.loads((folder / "spec.json").read_text()) == spec
    assert (folder / "README.md").read_text() == "# A card\n"


@pytest.mark.parametrize("name", SPECS)
def test_onnx_computes_the_same_logits_for_any_batch(exported: dict[tuple[str, str], Path], name: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(exported["onnx", name] / "model.onnx", providers=["CPUExecutionProvider"])
    network = disturbed(SPECS[name])
    for count in (1, 5):
        batch = images(SPECS[name], count)
        (found,) = session.run(None, {"images": batch.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), logits(network, batch), atol=1e-4, rtol=0)


def test_files_carry_the_facts(exported: dict[tuple[str, str], Path]) -> None:
    runtime = pytest.importorskip("onnxruntime")
    with safe_open(exported["folder", "flat"] / "model.safetensors", "pt") as file:
        weights = file.metadata()
    session = runtime.InferenceSession(exported["onnx", "flat"] / "model.onnx", providers=["CPUExecutionProvider"])
    properties = session.get_modelmeta().custom_metadata_map
    for carried in (weights, properties):
        assert carried["weights"] == "trained in the search"
        assert json.loads(carried["classes"]) == ["a", "b"]
        assert json.loads(carried["mean"]) == [0.5]


def test_onnx_that_computes_something_else_is_refused(exported: dict[tuple[str, str], Path]) -> None:
    another = model(FLAT, fresh(FLAT, seed=9))
    with pytest.raises(ExportError, match=r"model\.onnx: onnxruntime's logits differ from torch's by .*; not exported"):
        onnx._compare(another, images(FLAT, 1), exported["onnx", "flat"] / "model.onnx")


class Undecided(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) if x.sum().item() > 0 else -x.flatten(1)


def test_what_onnx_cannot_express_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="ONNX cannot express this network") as caught:
        onnx.Onnx().export(model(FLAT, Undecided()), tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setattr(onnx, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(MissingPackage, match=rf"{missing}: pip install 'mlpnas\[export\]'"):
        onnx.Onnx().export(model(FLAT), tmp_path)


def folder_of(exported: dict[tuple[str, str], Path], tmp_path: Path) -> Path:
    for file in exported["folder", "flat"].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def test_nothing_to_load(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no exported model here"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "{}", '{"stages": 3}', "\xff"])
def test_a_broken_spec_is_named(exported: dict[tuple[str, str], Path], tmp_path: Path, text: str) -> None:
    folder = folder_of(exported, tmp_path)
    (folder / "spec.json").write_text(text, encoding="latin-1")
    with pytest.raises(ExportError, match=str(folder)):
        load(folder)


@pytest.mark.parametrize("content", [b"", b"{}", b"\x80\x04\x95", None])
def test_broken_weights_are_named(exported: dict[tuple[str, str], Path], tmp_path: Path, content: bytes | None) -> None:
    file = folder_of(exported, tmp_path) / "model.safetensors"
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(ExportError, match=r"model\.safetensors: (cannot be read|no such file)"):
        load(tmp_path)


def test_weights_of_another_network_are_refused(exported: dict[tuple[str, str], Path], tmp_path: Path) -> None:
    file = folder_of(exported, tmp_path) / "model.safetensors"
    for weights in (disturbed(TOKENS).state_dict(), disturbed(replace(FLAT, classes=7)).state_dict(), {}):
        save_file(weights, file)
        with pytest.raises(ExportError, match=r"weights of another network than the spec's|no state dict in it"):
            load(tmp_path)


def test_loading_leaves_other_random_numbers_alone(exported: dict[tuple[str, str], Path]) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    load(exported["folder", "flat"])
    assert torch.equal(torch.rand(3), wanted)
