"""Released weights that are no use: refused with one sentence that names the tensor, whatever they are instead."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save
from torch import Tensor, nn

from mlpnas import load, load_checkpoint
from mlpnas.errors import CheckpointError, ExportError
from mlpnas.published import find
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from tests.support.state_dicts import same, saved, state_of

TINY = ArchSpec((Stage(16, 1, Layer("token_mlp")),), Stem(4), input_size=16, classes=5)
FIRST = "stem.patches.weight"
NORMED = ArchSpec((Stage(16, 1, Layer("depthwise_conv"), norm=Layer("batch")),), Stem(4), input_size=16, classes=5)

CHANGES: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "NaN": (lambda t: t * torch.nan, "768 of the 768 values of .* are NaN or infinite"),
    "one infinity": (lambda t: t.index_fill(0, torch.tensor(3), torch.inf), "48 of the 768 values"),
    "too large for float32": (lambda t: t.double() * 1e300, "NaN or infinite"),
    "int8": (lambda t: (t * 100).to(torch.int8), "is of type int8; what belongs there is float64, float32"),
    "int64": (lambda t: (t * 100).long(), "is of type int64"),
    "bool": (lambda t: t > 0, "is of type bool"),
    "complex": (lambda t: t.to(torch.complex64), "is of type complex64"),
    "float8": (lambda t: t.to(torch.float8_e4m3fn), "is of type float8_e4m3fn"),
    "empty": (lambda t: t[:0], "another shape in 1"),
    "sparse": (lambda t: t.to_sparse(), "is sparse; save it as an ordinary tensor"),
    "compressed": (lambda t: t.flatten(1).to_sparse_csr(), "is sparse"),
    "without values": (lambda t: t.to("meta"), "a tensor without values"),
    "quantised": (lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8), "is quantised"),
    "endless": (lambda t: t.flatten()[0].expand(2**40), "another shape in 1"),
}
IN_SAFETENSORS = {"NaN", "one infinity", "too large for float32", "int8", "int64", "bool", "complex", "float8", "empty"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("change", CHANGES)
def test_weights_that_are_no_numbers_are_refused_by_name(change: str, tmp_path: Path) -> None:
    state = state_of(TINY)
    changed, says = CHANGES[change]
    state[FIRST] = changed(state[FIRST])
    for name in ("a.pth", "a.safetensors") if change in IN_SAFETENSORS else ("a.pth",):
        with pytest.raises(CheckpointError, match=rf"{name}: .*{says}") as caught:
            load_checkpoint(TINY, saved(state, tmp_path / name))
        assert "stem.patches.weight" in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


def test_an_endless_position_table_is_not_resized(tmp_path: Path) -> None:
    spec = replace(find("vit_ti16").spec, stages=(replace(find("vit_ti16").spec.stages[0], depth=1),))
    state = state_of(spec)
    state["stem.positions"] = torch.zeros(1).expand(1, 2**30 + 1, 192)
    with pytest.raises(CheckpointError, match=r"another shape in 1 \(stem\.positions 1x1073741825x192 instead of"):
        load_checkpoint(spec, saved(state, tmp_path / "a.pth"))


@pytest.mark.parametrize("change", sorted(IN_SAFETENSORS))
def test_an_exported_folder_is_held_to_the_same(change: str, tmp_path: Path) -> None:
    state = state_of(TINY)
    state[FIRST] = CHANGES[change][0](state[FIRST])
    (tmp_path / "spec.json").write_text(TINY.dumps())
    saved(state, tmp_path / "model.safetensors")
    with pytest.raises(ExportError, match=FIRST):
        load(tmp_path)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_every_kind_of_float_is_taken(dtype: torch.dtype, tmp_path: Path) -> None:
    state = {name: tensor.to(dtype) for name, tensor in state_of(TINY).items()}
    network = load_checkpoint(TINY, saved(state, tmp_path / "a.safetensors"))
    assert same(network, {name: tensor.float() for name, tensor in state.items()})


def test_parameters_views_and_shared_memory_are_ordinary_weights(tmp_path: Path) -> None:
    state = state_of(TINY)
    state["head.norm.weight"] = state["head.norm.bias"] = torch.zeros(1).expand(16)
    asked = {name: nn.Parameter(tensor) for name, tensor in state.items()}
    assert same(load_checkpoint(TINY, saved(asked, tmp_path / "a.pth")), state)


def test_counters_of_batch_norms_are_whole_numbers(tmp_path: Path) -> None:
    state = state_of(NORMED)
    counter = next(name for name in state if name.endswith("num_batches_tracked"))
    state[counter] += 7
    assert same(load_checkpoint(NORMED, saved(state, tmp_path / "a.pth")), state)
    with pytest.raises(CheckpointError, match="is of type float32; what belongs there is int64"):
        load_checkpoint(NORMED, saved(state | {counter: torch.tensor(7.0)}, tmp_path / "a.pth"))


@pytest.mark.parametrize(
    "prefix", ["_orig_mod.", "model.", "module.", "model._orig_mod.", "_orig_mod.module.", "module.model._orig_mod."]
)
def test_prefixes_of_wrappers_are_removed(prefix: str, tmp_path: Path) -> None:
    state = state_of(TINY)
    wrapped: Any = {f"{prefix}{name}": tensor for name, tensor in state.items()}
    assert same(load_checkpoint(TINY, saved(wrapped, tmp_path / "a.safetensors")), state)
    assert same(load_checkpoint(TINY, saved({"state_dict": wrapped, "epoch": 3}, tmp_path / "a.pth")), state)


def test_names_of_a_compiled_part_are_those_of_the_part(tmp_path: Path) -> None:
    state = state_of(TINY)
    wrapped = {name.replace("stages.0.", "stages.0._orig_mod."): tensor for name, tensor in state.items()}
    assert same(load_checkpoint(TINY, saved(wrapped, tmp_path / "a.pth")), state)


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    file = saved({"model": state_of(TINY), "epoch": 3}, tmp_path_factory.mktemp("whole") / "a.pth")
    return {"a.safetensors": save(state_of(TINY)), "a.pth": file.read_bytes()}


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_a_damaged_file_gives_a_network_or_one_sentence(
    name: str, contents: dict[str, bytes], tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(contents[name])
    for _ in range(data.draw(st.integers(1, 4))):
        # where names, shapes and offsets stand more often than among the values
        place = data.draw(st.one_of(st.integers(0, 3000), st.integers(-3000, -1), st.integers(0, len(content) - 1)))
        place %= len(content)
        match data.draw(st.sampled_from(["bit", "byte", "cut", "insert", "repeat"])):
            case "bit":
                content[place] ^= 1 << data.draw(st.integers(0, 7))
            case "byte":
                content[place] = data.draw(st.integers(0, 255))
            case "cut":
                del content[place : place + data.draw(st.integers(1, 200))]
            case "insert":
                content[place:place] = data.draw(st.binary(min_size=1, max_size=20))
            case "repeat":
                content[place:place] = content[place : place + 100]
        if len(content) < 6100:
            break
    file = tmp_path / name
    file.write_bytes(content)
    told = ""
    try:
        network = load_checkpoint(TINY, file)
    except CheckpointError as error:
        told = str(error)
    if told:
        assert str(file) in told
        assert len(told.splitlines()) == 1
        assert len(told) < 1500
    else:
        assert all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values())
