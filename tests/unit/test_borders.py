"""Input of people is accepted, or refused in one sentence: spaces, specs, recipes and quantities."""

import json
from contextlib import nullcontext, suppress
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpnas.costs import cost
from mlpnas.engine.scheduling import rungs
from mlpnas.errors import MlpnasError, RecipeError, SpaceError, SpecError, UnitError
from mlpnas.kinds import Number, of_option, refusal
from mlpnas.nets.options import create
from mlpnas.plugins import options as options_of
from mlpnas.search_options import Count
from mlpnas.space.catalogues import option_kinds, plugin_names
from mlpnas.space.grammar import NETWORK, STAGE
from mlpnas.space.load import read
from mlpnas.spec import ArchSpec, Layer, Stage, read_size
from mlpnas.training.recipe import Recipe
from mlpnas.units import Limit, count, seconds

NAMES = sorted({*STAGE, *NETWORK, "version", "name", "stages", "count", "each", "variant", "choose", "constraints"})
NAMES += [
    "cls",
    "self",
    "dim",
    "grid",
    "options",
    "max",
    "value",
    "gmlp",
    "size",
    "classes",
    "patch",
    "input_size",
    "pool",
]
numbers = st.integers() | st.floats() | st.sampled_from([0, 1, 2, 4, 10**12, 10**30, 1e308, True])
values = st.recursive(
    st.none() | numbers | st.text(max_size=8) | st.sampled_from(NAMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(NAMES), values, max_size=8))
def test_any_mapping_is_a_space_or_its_problems(data: dict[str, Any]) -> None:
    with suppress(SpaceError):
        read(json.dumps(data), "any.json")


@given(
    values | st.fixed_dictionaries({"stages": st.lists(st.dictionaries(st.sampled_from(NAMES), values), max_size=3)})
)
def test_any_json_is_a_spec_or_refused(data: Any) -> None:
    try:
        spec = ArchSpec.loads(json.dumps(data))
    except SpecError:
        return
    assert ArchSpec.loads(spec.dumps()) == spec


STAGES = [{"width": 8, "depth": 1, "mixer": "token_linear"}]


@given(st.sampled_from(["depth", "width", "mlp_ratio", "layer_scale"]), numbers)
def test_any_number_of_a_stage_is_within_its_limits_or_refused(name: str, number: float) -> None:
    kind = STAGE[name]
    assert isinstance(kind, Number)
    text = json.dumps({"stages": [STAGES[0] | {name: number}]})
    if kind.fits(number):
        assert getattr(ArchSpec.loads(text).stages[0], name) == number
    else:
        with pytest.raises(SpecError):
            ArchSpec.loads(text)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "[" * 5000, '{"a": 1, "a": 1}'])
def test_a_spec_holds_no_number_that_is_none(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        ArchSpec.loads(json.dumps({"stages": STAGES, "input_size": 0}).replace("0}", f"{text}}}"))
    assert len(str(caught.value)) < 300


def test_depths_that_no_computer_holds_are_refused_at_once() -> None:
    with pytest.raises(SpecError, match="expected a whole number from 1 to 1000; got 999999999999"):
        ArchSpec.loads(json.dumps({"stages": [STAGES[0] | {"depth": 999_999_999_999}]}))


@pytest.mark.parametrize("name", ["name", "cls", "self", "dim", "grid", "options"])
def test_a_layer_refuses_unknown_options_of_any_name(name: str) -> None:
    data = {"stages": [STAGES[0] | {"mixer": {"gmlp": {name: 1}}}], "input_size": 16}
    spec = ArchSpec.loads(json.dumps(data))
    assert spec.stages[0].mixer == Layer("gmlp", ((name, 1),)) == Layer.of("gmlp", **{name: 1})
    with pytest.raises(SpecError, match=f"gmlp has no option '{name}'; it has ratio"):
        cost(spec)


def test_one_is_not_true_after_any_costing() -> None:
    for value, is_right in [(True, True), (1, False), (1.0, False)]:
        stage = Stage(16, 1, Layer.of("window_attention", window=8, head_dim=8, shifted=value))
        with nullcontext() if is_right else pytest.raises(SpecError, match="shifted: expected one of true, false"):
            assert cost(ArchSpec((stage,), input_size=128)).params > 0


@given(st.data())
@settings(max_examples=60)
def test_every_option_of_every_layer_has_limits(data: st.DataObject) -> None:
    catalogue = data.draw(st.sampled_from(["mixers", "norms", "downsamples", "channel_mlps"]))
    name = data.draw(st.sampled_from(plugin_names(catalogue)))
    for kind in option_kinds(catalogue, name).values():
        assert not kind.fits(10**9)
        assert not kind.fits(float("inf"))
        assert not kind.fits(float("nan"))


def test_an_option_declares_other_limits_where_it_stands() -> None:
    def mixer(dim: int, *, steps: Annotated[int, Number(least=0, most=9)] = 1, tone: Literal["a", "b"] = "a") -> None:
        pass

    steps, tone = (of_option(parameter) for parameter in options_of(mixer, skip=1).values())
    assert [steps.fits(value) for value in (0, 9, 10, 2.5, True)] == [True, True, False, False, False]
    assert refusal(tone, "c") == "expected one of a, b; got 'c'"


@given(st.sampled_from(["axial_shift", "attention", "window_attention", "pooling", "rep_mlp", "token_mlp"]), st.data())
@settings(max_examples=25)
def test_any_option_of_a_mixer_is_costed_or_refused(mixer: str, data: st.DataObject) -> None:
    kinds = option_kinds("mixers", mixer)
    given_ = data.draw(st.dictionaries(st.sampled_from(sorted(kinds)), st.integers(-1, 5000) | numbers, max_size=2))
    stage = Stage(16, 1, Layer.of(mixer, **given_), 2)
    with suppress(SpecError):
        assert cost(ArchSpec((stage,), input_size=64)).params > 0


def test_what_no_layer_takes_is_refused_by_name() -> None:
    with pytest.raises(MlpnasError, match="no norm is called"):
        create("norm", {}, Layer("x" * 500), 8)


@given(st.dictionaries(st.sampled_from([*Recipe().to_json(), "cls", "self"]), values, max_size=5))
def test_any_mapping_is_a_recipe_or_refused(data: dict[str, Any]) -> None:
    try:
        recipe = Recipe.loads(json.dumps(data))
    except RecipeError as error:
        assert len(str(error)) < 600  # noqa: PT017
        return
    assert Recipe.loads(recipe.dumps()) == recipe


quantities = st.builds(
    "{}{}{}".format,
    st.integers().map(str)
    | st.floats().map(str)
    | st.sampled_from(["1e308", "9" * 400, "1e-400", "0", "\u00b2", "\u0663"]),
    st.sampled_from(["", " ", "\t", "\n"]),
    st.sampled_from(["GFLOPs", "TMACs", "kparams", "GiB", "B", "ms", "us", "h", "d", "T", "M", "", "x", "GG"]),
)


@given(quantities | st.text(max_size=20))
def test_any_text_is_a_quantity_within_limits_or_refused(text: str) -> None:
    for parse in (seconds, count, lambda text: Limit.parse(text).value):
        with suppress(UnitError):
            assert 0 < parse(text) <= 1e18
    with suppress(MlpnasError):
        assert 1 <= Count.read(text).total(3) < 10**10
    with suppress(MlpnasError):
        rungs.parse(text, ["top1"])
    with suppress(SpecError):
        read_size(text)


@pytest.mark.parametrize(
    "text", ["1e308h", "1e999s", "0s", "-1h", "\u00b2h", "\u0663h", "9" * 400 + "s", " " * 10**5 + "!"]
)
def test_a_duration_is_one_that_passes(text: str) -> None:
    with pytest.raises(UnitError) as caught:
        seconds(text)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "text", ["epochs=1", "epochs=3,1", "epochs=\u00b2,3", f"epochs=1,{'9' * 5000}", "1,2", "epochs=1,,2"]
)
def test_rungs_are_rising_numbers_of_epochs(text: str) -> None:
    with pytest.raises(MlpnasError, match=r"--fidelity .*expected rising numbers of epochs, like epochs=1,3,9"):
        rungs.parse(text, ["top1"])


@pytest.mark.parametrize("text", ["\u00b2", "\u0663", "1e3", "", "+", "9" * 5000, "24 ", "-3"])
def test_trials_are_counted_in_plain_digits(text: str) -> None:
    with pytest.raises(MlpnasError, match=r"--trials .*expected a number like 24"):
        Count.read(text)


@pytest.mark.parametrize("text", ["0", "+0"])
def test_zero_trials_are_refused_on_resume_too(text: str) -> None:
    with pytest.raises(MlpnasError, match=r"--trials .*must be at least 1"):
        Count.read(text)
