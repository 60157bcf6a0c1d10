import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpnas import published
from mlpnas.costs import cost
from mlpnas.datasets import load, resolve
from mlpnas.errors import MlpnasError, RecipeError, ShapeError, UnknownName
from mlpnas.nets.network import build
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.tasks.classify import Classify
from mlpnas.training.named import SETTINGS
from mlpnas.training.proxy import NARROWEST, proxy
from mlpnas.training.recipe import Recipe
from mlpnas.training.recipes import read
from mlpnas.training.task import fit_to_data

RATES = st.floats(1e-5, 1)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    epochs = draw(st.integers(1, 300))
    return Recipe(
        epochs=epochs,
        batch_size=draw(st.integers(1, 4096)),
        learning_rate=draw(RATES),
        weight_decay=draw(RATES),
        warmup_epochs=draw(st.floats(0, epochs * 0.9)),
        label_smoothing=draw(st.floats(0, 0.9)),
        clip_norm=draw(st.none() | RATES),
        precision=draw(st.sampled_from(["fp32", "bf16"])),
        ema_decay=draw(st.none() | st.floats(0, 0.9999)),
        drop_path=draw(st.floats(0, 0.9)),
        crop_padding=draw(st.integers(0, 40) | st.floats(0, 0.99)),
        flip=draw(st.sampled_from(["auto", "yes", "no"])),
        input_size=draw(st.none() | st.integers(1, 512)),
        samples=draw(st.none() | st.integers(2, 10**6)),
        width_scale=draw(st.floats(1 / 64, 2)),
    )


@given(recipes())
def test_json_both_ways(recipe: Recipe) -> None:
    assert Recipe.loads(recipe.dumps()) == recipe
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_text_is_canonical() -> None:
    text = Recipe().dumps()
    assert list(json.loads(text)) == sorted(asdict(Recipe()))
    assert " " not in text
    assert Recipe.from_json({}) == Recipe()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"epochs": 0}, r"recipe.epochs: expected an integer from 1 to 1000000, got 0"),
        ({"epochs": 2.0}, r"recipe.epochs: expected an integer"),
        ({"epochs": True}, r"recipe.epochs: expected an integer"),
        ({"batch_size": "64"}, r"recipe.batch_size: .* got '64'"),
        ({"learning_rate": 0}, r"recipe.learning_rate: expected a number of at least 1e-08"),
        ({"learning_rate": float("nan")}, r"recipe.learning_rate"),
        ({"label_smoothing": 1}, r"recipe.label_smoothing: .*at least 0 and below 1, got 1"),
        ({"precision": "fp16"}, r"recipe.precision: expected fp32 or bf16, got 'fp16'"),
        ({"ema_decay": 1.0}, r"recipe.ema_decay: .*below 1 or null"),
        ({"flip": 1}, r"recipe.flip: expected auto, yes or no, got 1"),
        ({"crop_padding": 1.5}, r"recipe.crop_padding: expected a share of the image of at least 0 and below 1"),
        ({"crop_padding": -1}, r"recipe.crop_padding: expected a share"),
        ({"samples": 1}, r"recipe.samples"),
        ({"width_scale": 0}, r"recipe.width_scale"),
        ({"epochs": 3, "warmup_epochs": 5}, r"recipe.warmup_epochs: 5 leave nothing of 3 epochs; take fewer than 3"),
        ({"learning_rat": 0.1}, r"recipe.learning_rat: no such option; did you mean learning_rate\?"),
        ({"zzz": 0.1}, r"recipe.zzz: no such option; it has epochs, "),
        ([1], r"recipe: expected a mapping"),
    ],
)
def test_mistakes_are_named(wrong: Any, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        Recipe.from_json(wrong)


def test_a_recipe_of_an_earlier_version_reads_as_what_it_meant() -> None:
    old = {"crop_padding": 28, "flip": True}
    assert (Recipe.from_json(old).crop_padding, Recipe.from_json(old).flip) == (28, "auto")
    assert Recipe.from_json({"flip": False}).flip == "no"


def test_text_that_is_no_json() -> None:
    with pytest.raises(RecipeError, match="not JSON"):
        Recipe.loads("{epochs: 3")


@pytest.mark.parametrize("name", SETTINGS)
def test_named_recipes(name: str) -> None:
    assert read(name) == Recipe(**SETTINGS[name])


def test_recipe_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("epochs: 3\nlearning_rate: 0.005\n")
    assert read(str(file)) == Recipe(epochs=3, learning_rate=0.005)
    file.write_text("epochs: 010\nlearning_rate: 1e-3\n")
    assert read(str(file)) == Recipe(epochs=10, learning_rate=0.001)
    file.with_suffix(".json").write_text('{"learning_rate": 1e-3, "epochs": 3}')
    assert read(str(file.with_suffix(".json"))) == Recipe(epochs=3, learning_rate=0.001)
    file.with_suffix(".json").write_text('{"epochs": 3, "epochs": 4}')
    with pytest.raises(RecipeError, match=r"mine.json: 'epochs' stands twice in an object"):
        read(str(file.with_suffix(".json")))
    file.write_text("epochs: many\n")
    with pytest.raises(RecipeError, match=r"mine.yaml: recipe.epochs: expected an integer"):
        read(str(file))
    file.write_text("epochs: [\n")
    with pytest.raises(RecipeError, match=r"mine.yaml: line 2: not valid YAML"):
        read(str(file))
    with pytest.raises(RecipeError, match=r"none.json: no such file"):
        read(str(tmp_path / "none.json"))
    with pytest.raises(UnknownName, match="did you mean quick"):
        read("quik")


def _pyramid(width: int, mixers: list[Layer]) -> ArchSpec:
    stages = tuple(Stage(width * 2**number, 2, mixer, 2) for number, mixer in enumerate(mixers))
    return ArchSpec(stages, Stem(4))


MIXERS = st.sampled_from(
    [
        Layer.of("token_mlp", ratio=0.5),
        Layer.of("axial_shift", shift_size=5),
        Layer.of("axial_shift", shift_size=7),
        Layer.of("gmlp", ratio=2),
        Layer.of("attention", head_dim=16),
        Layer("attention"),
        Layer.of("window_attention", window=7, head_dim=16),
        Layer("window_attention"),
    ]
)


def _scaled(spec: ArchSpec, size: int, scale: float) -> ArchSpec:
    return proxy(replace(spec, channels=1, classes=10), input_size=size, width_scale=scale)


@settings(max_examples=25)
@given(st.sampled_from([64, 96, 128]), st.lists(MIXERS, min_size=4, max_size=4), st.sampled_from([1, 0.5, 0.25, 0.125]))
def test_proxies_keep_proportions_and_can_be_built(width: int, mixers: list[Layer], scale: float) -> None:
    spec = _pyramid(width, mixers)
    small = _scaled(spec, 32, scale)
    assert cost(small).params > 0
    assert [stage.width / small.stages[0].width for stage in small.stages] == [1, 2, 4, 8]
    assert [stage.depth for stage in small.stages] == [stage.depth for stage in spec.stages]
    assert [stage.mixer.name for stage in small.stages] == [stage.mixer.name for stage in spec.stages]
    assert small.stages[0].width >= NARROWEST
    for before, after in zip(spec.stages, small.stages, strict=True):
        assert _heads(after) == _heads(before)
    assert scale < 1 or [stage.width for stage in small.stages] == [stage.width for stage in spec.stages]


def _heads(stage: Stage) -> float | None:
    if "attention" not in stage.mixer.name:
        return None
    return stage.width / int(dict(stage.mixer.options).get("head_dim", 32))


@pytest.mark.parametrize("scale", [0.5, 0.25])
def test_different_widths_stay_different(scale: float) -> None:
    mixers = [Layer.of("token_mlp", ratio=0.5)] * 4
    widths = [_scaled(_pyramid(width, mixers), 32, scale).stages[0].width for width in (48, 64, 80, 96, 112, 128)]
    assert widths == [width * scale for width in (48, 64, 80, 96, 112, 128)]


def test_windows_follow_the_grid() -> None:
    spec = _pyramid(64, [Layer.of("window_attention", window=7)] * 4)
    windows = [dict(stage.mixer.options)["window"] for stage in _scaled(spec, 32, 1).stages]
    assert windows == [4, 7, 7, 7], "4 divides a grid of 8; 7 covers those of 4, 2 and 1"
    assert _scaled(spec, 224, 1).stages == spec.stages


def test_an_impossible_size_goes_up_to_the_next() -> None:
    spec = _pyramid(64, [Layer.of("gmlp", ratio=2)] * 4)
    assert [_scaled(spec, size, 1).input_size for size in (1, 28, 32, 33)] == [32, 32, 32, 64]
    declared = proxy(replace(spec, channels=1, classes=10), input_size=None, width_scale=1)
    assert declared == replace(spec, channels=1, classes=10)


@pytest.mark.parametrize("name", published.names())
def test_every_published_model_has_a_proxy(name: str) -> None:
    """ViP fits few grids: those whose side divides its widths."""
    spec = published.find(name).spec
    small = _scaled(spec, 32, 0.25)
    assert 32 <= small.image[0] <= 64
    assert small.stages[0].width < spec.stages[0].width
    assert cost(small).macs < cost(spec).macs / 20


def test_an_impossible_architecture_is_an_error() -> None:
    spec = replace(_pyramid(64, [Layer.of("gmlp", ratio=2)] * 4), pool="cls")
    with pytest.raises(ShapeError, match="pool"):
        _scaled(spec, 32, 0.5)


def test_recipe_makes_the_network_for_the_data() -> None:
    data = load(resolve("digits"))
    spec = ArchSpec((Stage(64, 1, Layer("token_mlp")),), Stem(4), 32)
    small = Recipe(input_size=8, width_scale=0.5).network(fit_to_data(spec, Classify(), data))
    assert (small.channels, small.classes, small.input_size, small.stages[0].width) == (1, 10, 8, 32)
    assert build(small)(data.pixels[:2].float()).shape == (2, 10)


def test_recipe_errors_are_the_user_s() -> None:
    assert issubclass(RecipeError, MlpnasError)


@pytest.mark.parametrize(
    "asked", ["standard:epochs=30,ema_decay=null", {"standard": {"epochs": 30, "ema_decay": None}}]
)
def test_a_named_recipe_takes_options(asked: Any) -> None:
    assert read(asked) == Recipe(**{**SETTINGS["standard"], "epochs": 30, "ema_decay": None})


def test_a_file_may_name_a_recipe_and_change_it(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("quick: {epochs: 3}\n")
    assert read(str(tmp_path / "mine.yaml")) == Recipe(**{**SETTINGS["quick"], "epochs": 3})


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("quick:epoch=3", r"recipe\.epoch: no such option; did you mean epochs\?"),
        ("quick:epochs=many", r"recipe\.epochs: expected an integer from 1 to 1000000, got 'many'"),
        ("auto:epochs=3", "auto takes no options; name the recipe that they change, like quick:epochs=3"),
        ("quik:epochs=3", "no recipe is called 'quik' - did you mean quick?"),
    ],
)
def test_options_that_a_recipe_has_not_are_named(asked: str, why: str) -> None:
    with pytest.raises(MlpnasError, match=why):
        read(asked)
