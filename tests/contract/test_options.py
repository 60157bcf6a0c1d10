"""Every option is declared once: command line, Python, manifest and resume follow from its field."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import mlpnas
from mlpnas.commands._from_options import from_options
from mlpnas.engine.planning.resume import plan_resume
from mlpnas.errors import MlpnasError, RunError
from mlpnas.exporters import ExportOptions
from mlpnas.kinds import Number
from mlpnas.manifest import Manifest
from mlpnas.named import Named
from mlpnas.options import CHANGEABLE, FIXED, Option, check_fixed, options_of, options_to_json, takes
from mlpnas.run import Run
from mlpnas.search_options import Count, SearchOptions
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
    "sampler": "random:stratify=true",
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
    "scores": "",
    "recipe": RECIPE,
    "fidelity": "",
    "seed": 0,
}
CHANGED: Mapping[str, tuple[Any, Mapping[str, Any]]] = {  # and what becomes of the manifest
    "trials": ("+3", {"asked.trials": Count(5)}),
    "time": ("2m", {"asked.time": 120.0}),
    "trial_time": ("3m", {"asked.trial_time": 180.0}),
    "data": ("digits", {"decided.data": {"source": "digits", "path": "", "seed": 0, "size": (28, 28)}}),
    "backend": ("ray", {"asked.backend": "ray", "decided.scheduler": "pool"}),
    "workers": (1, {"decided.workers": 1}),
    "device": ("cpu", {"decided.device": "cpu"}),
    "gpus_per_trial": (0, {"decided.gpus_per_trial": 0}),
    "address": ("", {"asked.address": ""}),
}
OF_ONE_CALL = {"run", "resume", "listener", "command"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "run"
    mlpnas.search(**ASKED, run=folder)
    return folder


def _resumed(made: Path, **asked: Any) -> Manifest:
    return plan_resume(Run(made), SearchOptions(**asked))


def test_every_option_is_tried_here() -> None:
    known = options_of(SearchOptions)
    kinds = {kind: {n for n, option in known.items() if option.on_resume == kind} for kind in (FIXED, CHANGEABLE, "")}
    assert kinds == {FIXED: {*OTHER}, CHANGEABLE: {*CHANGED}, "": OF_ONE_CALL}
    assert {*OTHER} == {*SAME}


@pytest.mark.parametrize(
    ("options", "function", "command"),
    [(SearchOptions, mlpnas.search, "search"), (ExportOptions, mlpnas.export, "export")],
)
def test_python_and_command_line_follow(options: Any, function: Any, command: str) -> None:
    typed = inspect.signature(getattr(__import__(f"mlpnas.commands.{command}", fromlist=["x"]), command)).parameters
    for name, option in options_of(options).items():
        assert inspect.signature(function).parameters[name].default is None
        assert f"{name}: " in function.__doc__
        if option.is_typed:
            info = typed[name].annotation.__metadata__[0]
            assert info.help.startswith(option.help)
            assert option.is_argument or info.default == option.flag
    assert {*typed} == {name for name, option in options_of(options).items() if option.is_typed} | {"as_json"}


@pytest.mark.parametrize("name", OTHER)
def test_a_differing_fixed_option_is_refused_with_both_values(made: Path, name: str) -> None:
    with pytest.raises(RunError) as refused:
        _resumed(made, **{name: OTHER[name]})
    message = str(refused.value)
    assert message.startswith(options_of(SearchOptions)[name].flag)
    assert "this run was searched with" in message
    assert message.endswith("leave it out, or start another --run")


def test_the_message_reads_as_it_should(made: Path) -> None:
    with pytest.raises(RunError) as refused:
        _resumed(
            made,
            sampler="random:stratify=true",
            seed=3,
            skip_bad_images=True,
            recipe=replace(RECIPE, epochs=2, samples=50),
        )
    lines = [
        "--recipe epochs 2, samples 50: this run was searched with epochs 1, samples 100",
        "--sampler random(stratify=true): this run was searched with known_cost",
        "--seed 3: this run was searched with 0",
        "--skip-bad-images: this run was searched without it",
    ]
    told = sorted(str(refused.value).splitlines())
    assert told == [f"{line}; leave it out, or start another --run" for line in lines]


@pytest.mark.parametrize("name", SAME)
def test_a_fixed_option_that_is_the_same_is_fine(made: Path, name: str) -> None:
    assert _resumed(made, **{name: SAME[name]}).asked.trials == Count(2)


@pytest.mark.parametrize("name", CHANGED)
def test_a_changeable_option_takes_effect(made: Path, name: str) -> None:
    value, expected = CHANGED[name]
    manifest = _resumed(made, **{name: value})
    for place, wanted in expected.items():
        part, field = place.split(".")
        assert getattr(getattr(manifest, part), field) == wanted, place


def test_a_recipe_may_be_given_as_it_was_decided(made: Path) -> None:
    manifest = Run(made).manifest
    decided = Recipe.from_json(manifest.decided.recipe)
    assert decided.flip in ("yes", "no")
    assert _resumed(made, flip=decided.flip, recipe=decided)
    longer = replace(manifest, asked=replace_option(manifest.asked, fidelity="epochs=1,4", recipe=decided))
    staged = longer.with_decisions(fidelity=(1, 4), recipe=replace(decided, epochs=4).to_json())
    check_fixed(SearchOptions(recipe=RECIPE, fidelity="epochs=1, 4"), staged.asked, staged.decided)
    with pytest.raises(RunError, match="--recipe"):
        check_fixed(SearchOptions(recipe="smoke"), staged.asked, staged.decided)


def test_a_run_with_a_sampler_object_asks_for_it_again(made: Path) -> None:
    asked = replace_option(Run(made).manifest.asked, sampler=Named.of("python", **{"class": "GPSampler"}))
    with pytest.raises(RunError, match=r"--sampler known_cost: .*; give that object again, or start another --run"):
        check_fixed(SearchOptions(sampler="known_cost"), asked, None)


def replace_option(options: SearchOptions, **changes: Any) -> SearchOptions:
    return SearchOptions(**{**vars(options), **changes})


def test_a_format_is_a_text_or_a_mapping() -> None:
    wanted = Named.of("onnx", opset=20)
    assert [ExportOptions(form=form).form for form in ("onnx:opset=20", {"onnx": {"opset": 20}}, wanted)] == [
        wanted
    ] * 3


def test_the_manifest_keeps_what_was_given_alone(made: Path) -> None:
    kept = json.loads((made / "run.json").read_text())["asked"]
    assert {*kept} == {*ASKED} - {"space"}
    assert SearchOptions(**kept) == replace_option(SearchOptions(**ASKED), space=None)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"sampler": "random:stratfy=true"}, "random has no option 'stratfy' - did you mean stratify"),
        ({"sampler": "random:stratify=3"}, "random:stratify=3: expected one of true, false; got 3"),
        ({"sampler": "local:stratify=true"}, "local has no option 'stratify'; it has none"),
        ({"fill": 1.5}, "--fill: expected a number from 0 to 1; got 1.5"),
        ({"fill": "half"}, "--fill: expected a number from 0 to 1; got 'half'"),
        ({"flip": "maybe"}, "--flip: expected one of auto, yes, no; got 'maybe'"),
        ({"device": "tpu"}, "--device: expected one of cpu, cuda; got 'tpu'"),
        ({"workers": 0}, "--workers: expected a whole number from 1 to 10000; got 0"),
        ({"objectives": 5}, "--objectives: expected names, like top1,macs; got 5"),
        ({"trials": "many"}, "--trials many: expected a number like 24"),
        ({"recipe": "quick:epoch=3"}, r"recipe\.epoch: no such option; did you mean epochs\?"),
    ],
)
def test_a_wrong_value_is_one_message(tmp_path: Path, asked: Any, why: str) -> None:
    with pytest.raises(MlpnasError, match=why):
        mlpnas.search(**{**ASKED, **asked}, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_new_option_is_its_field_and_its_reader() -> None:
    """Command line, Python, manifest and resume have an option that this file alone declares."""

    @dataclass(frozen=True)
    class Options(SearchOptions):
        patience: Option[int, int] = Option(3, "Epochs without progress.", Number(most=9), on_resume=FIXED)

    @takes(Options)
    def run(options: Options) -> int:
        """Run. {options}"""
        return options.patience

    app = typer.Typer(rich_markup_mode=None)
    app.command()(from_options(Options, json_help="")(lambda options, as_json: print(options.patience)))
    shown = CliRunner().invoke(app, ["--help"]).output
    assert "--patience" in shown
    assert "[default: 3]" in shown
    assert CliRunner().invoke(app, ["--patience", "5"]).output == "5\n"
    assert (run(), run(patience=4)) == (3, 4)
    assert "patience: epochs without progress. Default: 3." in str(run.__doc__)
    assert options_to_json(Options(patience=4)) == {"patience": 4}
    with pytest.raises(RunError, match="--patience 4: this run was searched with 3; leave it out"):
        check_fixed(Options(patience=4), Options(), None)
    with pytest.raises(RunError, match="--patience: expected a whole number from 1 to 9; got 99"):
        run(patience=99)


def test_an_option_of_one_sampler_is_in_its_file_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A parameter of a sampler's constructor is an option of it, and nothing else names it."""
    package = Path(inspect.getfile(mlpnas)).parent
    naming = [path for path in package.rglob("*.py") if "stratify: bool" in path.read_text()]
    assert [path.relative_to(package).as_posix() for path in naming] == ["samplers/random.py"]
    assert SearchOptions(sampler="random:stratify=true").sampler == Named.of("random", stratify=True)
