"""Every option of a search is fixed or changeable: a resume refuses one kind where it differs and heeds the other."""

import inspect
import shutil
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import typer

import mlpnas
from mlpnas.commands import search as command
from mlpnas.engine.options import CHANGEABLE, DECLARATIONS, FIXED, Options
from mlpnas.engine.planning.resume import resumed
from mlpnas.errors import RunError
from mlpnas.manifest import Manifest
from mlpnas.run import Run
from mlpnas.training.recipe import Recipe

RECIPE = Recipe(epochs=1, samples=100, warmup_epochs=0)
ASKED: Mapping[str, Any] = {
    "space": "quick",
    "budget": "500kMACs",
    "objectives": "macs,params",
    "data": "digits",
    "recipe": RECIPE,
    "backend": "local",
    "trials": 2,
}
OTHER: Mapping[str, Any] = {
    "space": "isotropic",
    "budget": "400kMACs",
    "fill": 0.25,
    "image_column": "picture",
    "label_column": "label",
    "skip_bad_images": True,
    "flip": "yes",
    "objectives": "params,macs",
    "sampler": "random",
    "stratify": True,
    "scores": "snip",
    "recipe": "smoke",
    "fidelity": "epochs=1,3",
    "seed": 7,
}
SAME: Mapping[str, Any] = {
    "space": "quick",
    "budget": ["0.5 MMACs"],
    "fill": 0.5,
    "image_column": "",
    "label_column": "",
    "skip_bad_images": False,
    "flip": "auto",
    "objectives": ["macs", "params"],
    "sampler": "known_cost",
    "stratify": False,
    "scores": "",
    "recipe": RECIPE,
    "fidelity": "",
    "seed": 0,
}
CHANGED: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "trials": ("+3", {"trials": 5}),
    "time": ("2m", {"seconds": 120.0}),
    "trial_time": ("3m", {"trial_seconds": 180.0}),
    "data": ("digits", {"data": {"source": "digits", "path": "", "seed": 0, "size": (28, 28)}}),
    "backend": ("ray", {"backend": "ray", "scheduler": "pool"}),
    "workers": (1, {"workers": 1}),
    "device": ("cpu", {"device": "cpu"}),
    "gpus_per_trial": (0, {"gpus_per_trial": 0}),
    "address": ("", {"address": ""}),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "run"
    mlpnas.search(**ASKED, run=folder)
    return folder


def _resumed(made: Path, **asked: Any) -> Manifest:
    return resumed(Run(made), asked)


def test_every_option_is_declared_and_tried_here() -> None:
    names = [f.name for f in fields(Options)]
    assert list(DECLARATIONS) == names
    kinds = {
        kind: {n for n, declared in DECLARATIONS.items() if declared.on_resume == kind} for kind in (FIXED, CHANGEABLE)
    }
    assert kinds[FIXED] == set(OTHER) == set(SAME)
    assert kinds[CHANGEABLE] == set(CHANGED)
    assert kinds[FIXED] | kinds[CHANGEABLE] == set(names)


def test_the_function_and_the_command_line_have_these_options() -> None:
    function = inspect.signature(mlpnas.search).parameters
    line = inspect.signature(command.search).parameters
    for name, declared in DECLARATIONS.items():
        assert function[name].default is None
        assert declared.option == f"--{name.replace('_', '-')}"
        option = line[name].annotation.__metadata__[0]
        assert isinstance(option, typer.models.OptionInfo)
        assert line[name].default in (None, Options.__dataclass_fields__[name].default) or name in (
            "objectives",
            "scores",
        )


@pytest.mark.parametrize("name", OTHER)
def test_a_fixed_option_that_differs_is_refused_by_its_name_and_both_values(made: Path, name: str) -> None:
    with pytest.raises(RunError) as refused:
        _resumed(made, **{name: OTHER[name]})
    message = str(refused.value)
    assert message.startswith(DECLARATIONS[name].option)
    assert "this run was searched with" in message
    assert message.endswith("leave it out, or start another --run")


def test_the_message_reads_as_it_should(made: Path) -> None:
    with pytest.raises(RunError) as refused:
        _resumed(made, sampler="tpe", seed=3, stratify=True, recipe=replace(RECIPE, epochs=2, samples=50))
    lines = [
        "--recipe epochs 2, samples 50: this run was searched with epochs 1, samples 100",
        "--sampler tpe: this run was searched with known_cost",
        "--seed 3: this run was searched with 0",
        "--stratify: this run was searched without it",
    ]
    told = sorted(str(refused.value).splitlines())
    assert told == [f"{line}; leave it out, or start another --run" for line in lines]


@pytest.mark.parametrize("name", SAME)
def test_a_fixed_option_that_is_the_same_is_fine(made: Path, name: str) -> None:
    assert _resumed(made, **{name: SAME[name]}).trials == 2


@pytest.mark.parametrize("name", CHANGED)
def test_a_changeable_option_takes_effect(made: Path, name: str) -> None:
    value, expected = CHANGED[name]
    manifest = _resumed(made, **{name: value})
    for field, wanted in expected.items():
        assert getattr(manifest, field) == wanted, field


def test_a_run_that_kept_nothing_of_what_was_asked_knows_its_fixed_options_too(made: Path, tmp_path: Path) -> None:
    """Runs of the version before."""
    old = tmp_path / "run"
    shutil.copytree(made, old)
    replace(Run(old).manifest, asked={}).write(old)
    assert _resumed(old, recipe=RECIPE, sampler="known_cost").asked
    with pytest.raises(RunError, match="--recipe"):
        _resumed(old, recipe="smoke")
    replace(Run(old).manifest, asked={}, fidelity=(1, 4), recipe=replace(RECIPE, epochs=4).to_json()).write(old)
    assert _resumed(old, recipe=RECIPE, fidelity="epochs=1,4").asked


def test_mirroring_may_be_given_as_it_was_decided(made: Path) -> None:
    decided = Run(made).manifest.recipe["flip"]
    assert decided in ("yes", "no")
    assert _resumed(made, flip=decided)
