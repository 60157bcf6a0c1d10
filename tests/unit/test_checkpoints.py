"""Checkpoint files: what is read, what fits, and what each refusal says."""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from mlpnas import load_checkpoint
from mlpnas.errors import CheckpointError, UnknownName
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from tests.support.state_dicts import State, same, saved, state_of

TINY = ArchSpec((Stage(16, 1, Layer("token_mlp")),), Stem(4), input_size=16, classes=5)
EXPAND = "stages.0.blocks.0.channel_mixing.body.expand.weight"


@pytest.mark.parametrize("name", ["a.safetensors", "a.pt", "a.pth", "a.pth.tar"])
def test_file_kinds(name: str, tmp_path: Path) -> None:
    state = state_of(TINY)
    network = load_checkpoint(TINY, saved(state, tmp_path / name))
    assert same(network, state)
    assert not network.training


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: {"model": state, "epoch": 3, "optimizer": {"lr": 0.1}},
        lambda state: {"state_dict": state},
        lambda state: {"model_ema": state, "model": {name: 0 * tensor for name, tensor in state.items()}},
        lambda state: {"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}},
        lambda state: {name: tensor.double() for name, tensor in state.items()},
    ],
    ids=["model", "state_dict", "averaged", "parallel", "double"],
)
def test_state_dicts_as_trainings_save_them(wrapped: Callable[[State], Any], tmp_path: Path) -> None:
    state = state_of(TINY)
    assert same(load_checkpoint(TINY, saved(wrapped(state), tmp_path / "a.pth")), state)


class Foreign:
    """Makes a folder when unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("wrap", [lambda foreign: foreign, lambda foreign: {"model": {}, "args": foreign}])
def test_foreign_objects_are_refused_and_not_run(wrap: Callable[[Foreign], Any], tmp_path: Path) -> None:
    file = saved(wrap(Foreign(tmp_path / "trace")), tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"a.pt: holds other objects than tensors \(posix.mkdir\).*refused"):
        load_checkpoint(TINY, file)
    assert not (tmp_path / "trace").exists()


class CfgNode(dict[str, Any]):
    """A stand-in for yacs's class."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__(settings)
        self.__dict__["__immutable__"] = True


def test_settings_of_a_training_may_lie_beside_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yacs = ModuleType("yacs.config")
    yacs.CfgNode = CfgNode  # type: ignore[attr-defined]
    monkeypatch.setattr(CfgNode, "__module__", "yacs.config")
    with monkeypatch.context() as installed:
        installed.setitem(sys.modules, "yacs", ModuleType("yacs"))
        installed.setitem(sys.modules, "yacs.config", yacs)
        settings = {"args": argparse.Namespace(lr=0.1), "config": CfgNode({"MODEL": CfgNode({"SHIFT_SIZE": 5})})}
        file = saved({"model": state_of(TINY), **settings}, tmp_path / "a.pth")
    assert same(load_checkpoint(TINY, file), state_of(TINY))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.pt", None, "no such file"),
        ("a.safetensors", None, "no such file"),
        ("a.npz", b"", "no checkpoint by its name; it must end in .safetensors, .pt"),
        ("a.pt", b"", "cannot be read"),
        ("a.pth", b"<html>not found</html>", "cannot be read"),
        ("a.safetensors", b"", "cannot be read"),
        ("a.safetensors", b"<html>not found</html>", "cannot be read"),
    ],
)
def test_files_that_are_no_checkpoints(name: str, content: bytes | None, says: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{name}: {says}"):
        load_checkpoint(TINY, tmp_path / name)


def test_a_cut_file_and_a_folder(tmp_path: Path) -> None:
    file = saved(state_of(TINY), tmp_path / "a.pt")
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(TINY, file)
    (tmp_path / "b.pt").mkdir()
    with pytest.raises(CheckpointError, match="no such file"):
        load_checkpoint(TINY, tmp_path / "b.pt")


@pytest.mark.parametrize("data", [[1, 2], {}, {"model": {"a": 1}}, {"weights": {"a": torch.zeros(1)}}, torch.zeros(2)])
def test_files_without_a_state_dict(data: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no state dict in it, neither bare nor under state_dict_ema"):
        load_checkpoint(TINY, saved(data, tmp_path / "a.pt"))


def refusal(spec: ArchSpec | str, state: State, folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(spec, saved(state, folder / "a.safetensors"))
    return str(caught.value)


def test_missing_and_unknown_tensors_are_counted_and_named(tmp_path: Path) -> None:
    state = state_of(TINY)
    del state["stem.patches.bias"]
    state |= {f"other.{number}": torch.zeros(1) for number in range(5)}
    message = refusal(TINY, state, tmp_path)
    assert message.startswith(f"{tmp_path / 'a.safetensors'}: weights of another network")
    assert "1 (stem.patches.bias) missing, 5 (other.0, other.1, other.2, ...) unknown" in message


def test_no_tensor_gets_lost_where_two_names_become_one(tmp_path: Path) -> None:
    state = state_of(TINY)
    state["patch_embed.proj.weight"] = state.pop("stem.patches.weight")
    state["stem.proj.weight"] = torch.zeros(16, 48)
    assert "1 (stem.proj.weight) unknown" in refusal(TINY, state, tmp_path)


def test_a_transposed_tensor_is_refused(tmp_path: Path) -> None:
    state = state_of(TINY)
    state[EXPAND] = state[EXPAND].T.contiguous()
    assert f"another shape in 1 ({EXPAND} 16x64 instead of 64x16)" in refusal(TINY, state, tmp_path)


@pytest.mark.parametrize("shape", [(), (5, 5, 5)])
def test_scalars_and_other_numbers_of_elements_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    for name in state_of(TINY):
        assert "instead of" in refusal(TINY, state_of(TINY) | {name: torch.zeros(shape)}, tmp_path)


def test_axes_may_be_merged_split_and_dropped(tmp_path: Path) -> None:
    state = state_of(TINY)
    shapes = {"stem.patches.weight": (16, 3, 4, 4), EXPAND: (64, 16, 1, 1), "head.norm.weight": (1, 1, 16)}
    file = saved(state | {name: state[name].reshape(shape) for name, shape in shapes.items()}, tmp_path / "a.pt")
    assert same(load_checkpoint(TINY, file), state)


def test_another_number_of_classes_names_the_remedy(tmp_path: Path) -> None:
    state = state_of(replace(TINY, classes=7))
    message = refusal(TINY, state, tmp_path)
    assert "its classifier has 7 classes, the network's 5; load it into dataclasses.replace(spec, classes=7)" in message
    assert same(load_checkpoint(replace(TINY, classes=7), tmp_path / "a.safetensors"), state)


def test_token_weights_are_not_resized(tmp_path: Path) -> None:
    message = refusal(TINY.at(32), state_of(TINY), tmp_path)
    assert "token weights belong to one grid and are not resized: these to 4x4, input 32x32 needs 8x8" in message
    assert message.endswith("load them into spec.at(16)")


def test_transposed_token_weights_are_not_seen_as_another_grid(tmp_path: Path) -> None:
    name = "stages.0.blocks.0.token_mixing.body.expand.weight"
    spec = replace(TINY, stages=(Stage(16, 1, Layer.of("token_mlp", ratio=0.25)),))
    state = state_of(spec)
    state[name] = state[name].T.contiguous()
    assert f"another shape in 1 ({name} 16x4 instead of 4x16)" in refusal(spec, state, tmp_path)


def test_a_name_that_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean vit_ti16"):
        load_checkpoint("vit_ti_16", saved(state_of(TINY), tmp_path / "a.pt"))
