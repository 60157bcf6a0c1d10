"""A training state that is damaged, however, is not gone on from: the trial begins anew and says so."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlpnas.datasets import load, resolve
from mlpnas.evaluators.proxy_training import ProxyTraining
from mlpnas.job import Job, Note, Outcome
from mlpnas.nets.network import build
from mlpnas.record import EpochRow
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.tasks.classify import Classify
from mlpnas.training import state as training_state
from mlpnas.training.loop import Training
from mlpnas.training.recipe import Recipe

SPEC = ArchSpec((Stage(8, 1, Layer("token_mlp"), 2),), Stem(4), 8, 1, 10)
RECIPE = Recipe(epochs=3, samples=32, batch_size=32, warmup_epochs=0, ema_decay=0.9)


def _training() -> Training:
    torch.manual_seed(0)
    return Training(build(SPEC), Classify(), load(resolve("digits")), RECIPE, size=(8, 8))


def _state() -> dict[str, Any]:
    training = _training()
    list(training.run(1))
    return training.state()


@pytest.fixture(scope="module")
def good() -> bytes:
    return training_state.dumps(_state())


def _plain(state: Any) -> bytes:
    """Write a training state as earlier versions did: without a digest."""
    content = io.BytesIO()
    torch.save(state, content)
    return content.getvalue()


def _refused(content: bytes | None, file: Path) -> str:
    if content is not None:
        file.write_bytes(content)
    training = _training()
    with pytest.raises(training_state.Unusable) as told:
        training_state.restore(training, str(file), 3)
    return str(told.value)


def test_states_of_this_and_earlier_versions_are_resumed(good: bytes, tmp_path: Path) -> None:
    for content in (good, _plain(_state())):
        (tmp_path / "state").write_bytes(content)
        training = _training()
        training_state.restore(training, str(tmp_path / "state"), 3)
        assert training.epoch == 1


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10**6), new=st.binary(max_size=8), cut=st.integers(0, 64), is_plain=st.booleans())
def test_damaged_bytes_are_noticed_or_harmless(
    good: bytes, tmp_path: Path, place: int, new: bytes, cut: int, is_plain: bool
) -> None:
    """A digest reveals every change; without one only `Unusable` is raised, and no NaN is read."""
    content = good[good.index(b"\n") + 1 :] if is_plain else good
    place %= len(content)
    damaged = content[:place] + new + content[place + cut :]
    if damaged == content:
        return
    (tmp_path / "state").write_bytes(damaged)
    training = _training()
    try:
        training_state.restore(training, str(tmp_path / "state"), 3)
    except training_state.Unusable:
        return
    assert is_plain
    assert 0 < training.epoch < 3
    assert all(bool(torch.isfinite(value).all()) for value in training.network.state_dict().values())


def _at(*path: Any, value: Any) -> Callable[[Any], Any]:
    def change(state: Any) -> Any:
        inner = state
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = value(inner[path[-1]]) if callable(value) else value
        return state

    return change


def _without(name: str) -> Callable[[Any], Any]:
    return lambda state: {key: value for key, value in state.items() if key != name}


WEIGHT = "head.weight"
WRONG: dict[str, Callable[[Any], Any]] = {
    "no mapping": lambda state: [1, 2],
    "a tensor": lambda state: torch.zeros(3),
    "nothing in it": lambda state: {},
    "no network": _without("network"),
    "no optimiser": _without("optimizer"),
    "no average": _without("average"),
    "average is none": _at("average", value=None),
    "epoch of text": _at("epoch", value="1"),
    "epoch of nothing": _at("epoch", value=0),
    "epoch below zero": _at("epoch", value=-1),
    "epoch past the end": _at("epoch", value=3),
    "epoch without end": _at("epoch", value=10**100),
    "epoch NaN": _at("epoch", value=float("nan")),
    "epoch true": _at("epoch", value=True),
    "average of other shapes": _at("average", "averages", 0, value=lambda tensor: tensor.flatten()[:1]),
    "average NaN": _at("average", "averages", 0, value=lambda tensor: tensor * float("nan")),
    "average too short": _at("average", "averages", value=lambda tensors: tensors[1:]),
    "no group": _at("optimizer", "param_groups", value=[]),
    "group of nothing": _at("optimizer", "param_groups", 0, value={}),
    "other betas": _at("optimizer", "param_groups", 0, "betas", value=(0.0, 2.0)),
    "no moments": _at("optimizer", "state", value={}),
    "moments NaN": _at("optimizer", "state", 0, "exp_avg", value=lambda tensor: tensor * float("nan")),
    "moments below zero": _at("optimizer", "state", 0, "exp_avg_sq", value=lambda tensor: tensor - 1),
    "moments of another shape": _at("optimizer", "state", 0, "exp_avg", value=lambda tensor: tensor[:1]),
    "no step": _at("optimizer", "state", 0, "step", value=torch.tensor(0.0)),
}


def _every_weight(state: Any, change: Callable[[Any], Any]) -> Any:
    name = next(name for name, value in state["network"].items() if value.is_floating_point() and value.ndim > 1)
    state["network"][name] = change(state["network"][name])
    return state


WEIGHTS: dict[str, Callable[[Any], Any]] = {
    "NaN": lambda tensor: tensor * float("nan"),
    "infinite": lambda tensor: tensor + float("inf"),
    "another shape": lambda tensor: tensor[:1],
    "transposed": lambda tensor: tensor.mT.contiguous().flatten(),
    "int8": lambda tensor: tensor.to(torch.int8),
    "complex": lambda tensor: tensor.to(torch.complex64),
    "half": lambda tensor: tensor.half(),
    "sparse": lambda tensor: tensor.to_sparse(),
    "on meta": lambda tensor: tensor.to("meta"),
    "no tensor": lambda tensor: tensor.tolist(),
    "none": lambda tensor: None,
}
WRONG |= {f"weight {name}": (lambda state, c=change: _every_weight(state, c)) for name, change in WEIGHTS.items()}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("write", [_plain, training_state.dumps], ids=["plain", "digest"])
def test_a_state_of_another_training_is_not_resumed(
    change: Callable[[Any], Any], write: Callable[[Any], bytes], tmp_path: Path
) -> None:
    changed = change(_state())
    if write is training_state.dumps and not isinstance(changed, dict):
        return
    assert _refused(write(changed), tmp_path / "state")


@pytest.mark.parametrize("content", [b"", b"no state", None, b"PK\x03\x04", b"mlpnas training state, sha256 "])
def test_a_file_that_is_no_state_is_not_resumed(content: bytes | None, tmp_path: Path) -> None:
    assert _refused(content, tmp_path / "state")


def test_a_trial_with_a_damaged_state_restarts_and_says_so(good: bytes, tmp_path: Path) -> None:
    plain = Job(4, SPEC.dumps(), RECIPE.to_json(), resolve("digits").to_json())
    (tmp_path / "state").write_bytes(_plain(WRONG["average NaN"](_state())))
    results = []
    for job in (plain, replace(plain, restored_from=str(tmp_path / "state"))):
        *steps, outcome = ProxyTraining().run(job)
        assert isinstance(outcome, Outcome)
        rows = [replace(step, seconds=0) for step in steps if isinstance(step, EpochRow)]
        notes = [step.text for step in steps if isinstance(step, Note)]
        results.append((rows, outcome.status, outcome.values))
    assert results[0] == results[1]
    assert notes == ["begins anew, for its training state holds numbers that are not finite"]
