"""Released weights: official names, other input sizes as timm does them, and timm's hub."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import timm
import torch
from huggingface_hub import constants
from timm.models import mlp_mixer, swin_transformer, vision_transformer
from torch import Tensor, nn

from mlpnas import create, load_checkpoint
from mlpnas.errors import CheckpointError
from mlpnas.published import find, names
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from tests.support.state_dicts import State, same, saved, shaken, state_of


def shallow(name: str) -> ArchSpec:
    """Return a published isotropic network cut down to its first block."""
    spec = find(name).spec
    return replace(spec, stages=(replace(spec.stages[0], depth=1),))


def agree(ours: nn.Module, theirs: nn.Module, *size: int) -> bool:
    images = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits, expected = ours(images), theirs.eval()(images)
    assert expected.std() > 0
    return ((logits - expected).abs().max() / expected.abs().max()).item() < 1e-5


def filled(theirs: nn.Module, state: State, rename: Callable[[State, nn.Module], State]) -> nn.Module:
    theirs.load_state_dict(rename(state, theirs))
    return theirs


@pytest.mark.parametrize(
    ("name", "timm_name", "size"),
    [
        ("vit_ti16", "vit_tiny_patch16_224", (256, 256)),
        ("vit_ti16", "vit_tiny_patch16_224", (192, 256)),
        ("deit_ti_distilled", "deit_tiny_distilled_patch16_224", (256, 256)),
    ],
)
def test_positions_at_another_input_size_equal_timms(
    name: str, timm_name: str, size: tuple[int, int], tmp_path: Path
) -> None:
    state = shaken(timm.create_model(timm_name, depth=1)).state_dict()
    larger = timm.create_model(timm_name, depth=1, img_size=size)
    theirs = filled(larger, state, vision_transformer.checkpoint_filter_fn)
    ours = load_checkpoint(shallow(name).at(size), saved(state, tmp_path / "a.safetensors"))
    assert agree(ours, theirs, *size)


def test_a_plane_of_positions_is_resized_as_a_list_of_them_is(tmp_path: Path) -> None:
    attention = Layer.of("attention", head_dim=16)
    spec = ArchSpec((Stage(16, 1, attention),), Stem(4), input_size=16, classes=5, position_embedding=True)
    plane = state_of(spec)
    tokens = plane | {"stem.positions": plane["stem.positions"].reshape(1, 16, 16)}
    larger = [load_checkpoint(spec.at(24), saved(state, tmp_path / "a.pt")) for state in (plane, tokens)]
    assert larger[0].spec.grids()[0].tokens == 36
    assert same(larger[0], larger[1].state_dict())


def tiny_swin(**options: Any) -> nn.Module:
    return timm.create_model(
        "swin_tiny_patch4_window7_224",
        embed_dim=32,
        depths=(1, 2, 1, 1),
        num_heads=(1, 2, 4, 8),
        num_classes=5,
        **options,
    )


def tiny_swin_spec(window: int, size: int) -> ArchSpec:
    spec, attention = find("swin_t").spec, Layer.of("window_attention", window=window)
    sizes = ((32, 1), (64, 2), (128, 1), (256, 1))
    stages = tuple(
        replace(stage, width=width, depth=depth, mixer=attention)
        for stage, (width, depth) in zip(spec.stages, sizes, strict=True)
    )
    return replace(spec, stages=stages, input_size=size, classes=5)


@pytest.mark.filterwarnings("ignore:::timm")
def test_swins_bias_tables_of_another_window_equal_timms(tmp_path: Path) -> None:
    state = shaken(tiny_swin()).state_dict()
    theirs = filled(tiny_swin(img_size=256, window_size=8), state, swin_transformer.checkpoint_filter_fn)
    ours = load_checkpoint(tiny_swin_spec(8, 256), saved(state, tmp_path / "a.safetensors"))
    assert agree(ours, theirs, 256, 256)


def test_swin_as_released(tmp_path: Path) -> None:
    """Merging at the end of a stage, the classifier in `head`, buffers of indices and masks."""
    official = {
        "layers.0.blocks.0.attn.relative_position_index": torch.zeros(49, 49, dtype=torch.long),
        "layers.1.blocks.1.attn_mask": torch.zeros(16, 49, 49),
    }
    for name, tensor in shaken(tiny_swin()).state_dict().items():
        for stage in (1, 2, 3):
            name = name.replace(f"layers.{stage}.downsample", f"layers.{stage - 1}.downsample")
        official[name.replace("head.fc", "head")] = tensor
    theirs = filled(tiny_swin(), official, swin_transformer.checkpoint_filter_fn)
    ours = load_checkpoint(tiny_swin_spec(7, 224), saved({"model": official}, tmp_path / "a.pth"))
    assert agree(ours, theirs, 224, 224)


def test_resmlp_as_released(tmp_path: Path) -> None:
    def one_block() -> nn.Module:
        mixer, affine = mlp_mixer.ResBlock, mlp_mixer.Affine
        return mlp_mixer.MlpMixer(embed_dim=384, num_blocks=1, mlp_ratio=4, block_layer=mixer, norm_layer=affine)

    renames = {"stem.": "patch_embed.", "linear_tokens.": "attn.", "mlp_channels.": "mlp.", ".ls": ".gamma_"}
    official: dict[str, Tensor] = {}
    for name, tensor in shaken(one_block()).state_dict().items():
        for theirs_, released in renames.items():
            name = name.replace(theirs_, released)
        official[name] = tensor.flatten() if name.endswith(("alpha", "beta")) else tensor
    theirs = filled(one_block(), official, mlp_mixer.checkpoint_filter_fn)
    ours = load_checkpoint(shallow("resmlp_s12"), saved(official, tmp_path / "a.pth"))
    assert agree(ours, theirs, 224, 224)


# svip-lab/AS-MLP, models/as_mlp.py: conv2_1 follows the shift along the width, conv2_2 that along the height.
AS_MLP = {
    "patch_embed.proj": "stem.patches",
    "patch_embed.norm": "stem.norm",
    "layers.{n}.blocks.0.norm1": "stages.{n}.blocks.0.token_mixing.norm",
    "layers.{n}.blocks.0.axial_shift.conv1": "stages.{n}.blocks.0.token_mixing.body.enter",
    "layers.{n}.blocks.0.axial_shift.norm1": "stages.{n}.blocks.0.token_mixing.body.enter_norm",
    "layers.{n}.blocks.0.axial_shift.conv2_1": "stages.{n}.blocks.0.token_mixing.body.horizontal",
    "layers.{n}.blocks.0.axial_shift.conv2_2": "stages.{n}.blocks.0.token_mixing.body.vertical",
    "layers.{n}.blocks.0.axial_shift.norm2": "stages.{n}.blocks.0.token_mixing.body.leave_norm",
    "layers.{n}.blocks.0.axial_shift.conv3": "stages.{n}.blocks.0.token_mixing.body.leave",
    "layers.{n}.blocks.0.norm2": "stages.{n}.blocks.0.channel_mixing.norm",
    "layers.{n}.blocks.0.mlp.fc1": "stages.{n}.blocks.0.channel_mixing.body.expand",
    "layers.{n}.blocks.0.mlp.fc2": "stages.{n}.blocks.0.channel_mixing.body.contract",
    "layers.0.downsample.norm": "stages.1.downsample.norm",
    "layers.0.downsample.reduction": "stages.1.downsample.reduce",
    "norm": "head.norm",
    "head": "head.classifier",
}


def as_mlp_as_released(state: State) -> State:
    """1x1 convolutions where we have linears, merging at the end of a stage."""
    official = {}
    for released, own in AS_MLP.items():
        for stage, kind in ((0, "weight"), (0, "bias"), (1, "weight"), (1, "bias")):
            name, tensor = f"{released}.{kind}".format(n=stage), state.get(f"{own}.{kind}".format(n=stage))
            if tensor is not None:
                linear = tensor.ndim == 2 and released != "head"
                official[name] = tensor[..., None, None] if linear else tensor
    official["patch_embed.proj.weight"] = official["patch_embed.proj.weight"].reshape(-1, 3, 4, 4)
    return official


@pytest.mark.parametrize("size", [64, 96])
def test_as_mlp_as_released_at_any_size(size: int, tmp_path: Path) -> None:
    group = Layer("group")
    stages = tuple(Stage(width, 1, Layer("axial_shift"), norm=group) for width in (25, 50))
    spec = ArchSpec(stages, Stem(4, group), input_size=64, classes=5, norm=group)
    state = state_of(spec)
    official = as_mlp_as_released(state)
    assert len(official) == len(state)
    assert same(load_checkpoint(spec.at(size), saved({"model": official}, tmp_path / "a.pth")), state)


@pytest.mark.parametrize("family", sorted({find(name).family for name in names()}))
def test_a_family_is_a_file_with_its_names(family: str) -> None:
    module = import_module(f"mlpnas.published.{family}")
    assert all(model.family == family for model in module.MODELS)
    assert all(isinstance(pattern, str) for keys in module.KEYS for pattern in keys)


@pytest.mark.parametrize("name", [name for name in names() if find(name).weights.startswith("timm/")])
def test_weights_on_the_hub_are_of_this_network(name: str) -> None:
    model = find(name)
    config = timm.models.get_pretrained_cfg(model.weights.removeprefix("timm/"))
    assert config is not None
    assert config.hf_hub_id == model.weights
    assert (config.num_classes, config.input_size) == (1000, (3, *model.spec.image))


def test_create_is_fresh() -> None:
    network = create("vit_ti16", classes=7)
    assert network.spec == replace(find("vit_ti16").spec, classes=7)
    assert network.training


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An empty cache of the hub, and no connection to it; the addresses that were asked for."""
    asked: list[str] = []

    def offline(url: str, **options: Any) -> None:
        asked.append(url)
        assert options["timeout"] <= 10
        raise ConnectionError("no route")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", offline)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", None)
    return asked


def test_create_takes_cached_weights_without_asking_the_hub(hub: list[str], tmp_path: Path) -> None:
    theirs = shaken(timm.create_model("vit_tiny_patch16_224", num_classes=1000))
    repository = tmp_path / "models--timm--vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    snapshot = repository / "snapshots" / "0123abc"
    for folder in (snapshot, repository / "refs"):
        folder.mkdir(parents=True)
    (repository / "refs" / "main").write_text("0123abc")
    saved(theirs.state_dict(), snapshot / "model.safetensors")
    assert agree(create("vit_ti16", pretrained=True), theirs, 224, 224)
    assert create("vit_ti16", pretrained=True, classes=7).spec.classes == 7
    assert hub == []


def test_create_without_a_connection_asks_once(hub: list[str]) -> None:
    says = r"timm/resmlp_12_224.fb_in1k: cannot be fetched \(ConnectionError\); check the connection"
    with pytest.raises(CheckpointError, match=says):
        create("resmlp_s12", pretrained=True)
    assert hub == ["https://huggingface.co/timm/resmlp_12_224.fb_in1k/resolve/main/model.safetensors"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("as_mlp_t", "as_mlp_t: not on timm's hub; its released weights: OneDrive.*load_checkpoint"),
        ("resmlp_b24", "no released weights are known"),
    ],
)
def test_create_without_weights_on_the_hub(name: str, says: str) -> None:
    with pytest.raises(CheckpointError, match=says):
        create(name, pretrained=True)
