"""The grammar: what a file says is what is asked, and what is answered is what is built."""

from hashlib import sha256
from random import Random
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpnas.errors import SpaceError
from mlpnas.plugins import shipped, shipped_folder
from mlpnas.published import find
from mlpnas.space import SearchSpace
from mlpnas.space.schema import schema
from mlpnas.space.show import lines

SCHEMA = jsonschema.Draft202012Validator(schema())


def _asked(values: list[Any]) -> st.SearchStrategy[Any]:
    """One of the values, or a question among some of them."""
    some = st.lists(st.sampled_from(values), min_size=1, max_size=len(values), unique=True)
    return st.one_of(st.sampled_from(values), some.map(lambda chosen: {"choose": chosen}))


mixers = st.one_of(
    st.sampled_from(["token_linear", "gmlp", {"axial_shift": {"shift_size": 3}}]),
    st.fixed_dictionaries({}, optional={"ratio": _asked([0.5, 1])}).map(lambda options: {"token_mlp": options}),
    st.just({"choose": ["token_linear", "gmlp"]}),
    st.fixed_dictionaries({"dilation": _asked([1, 2]), "shift_size": _asked([3, 5])}).map(
        lambda options: {"choose": {"axial_shift": {"shift_size": 3} | options, "attention": {"head_dim": 8}}}
    ),
)
STAGE = {"depth": _asked([1, 2]), "mixer": mixers, "mlp_ratio": _asked([0, 2, 2.5]), "norm": _asked(["layer", "group"])}


@st.composite
def spaces(draw: st.DrawFn) -> dict[str, Any]:
    """Space files with each field on one of the two levels."""
    below = {name for name in STAGE if draw(st.booleans())}
    levels = [{name: draw(kind) for name, kind in STAGE.items() if (name in below) == inner} for inner in (False, True)]
    return {
        "version": 1,
        "name": "any",
        "input": {"size": 8, "channels": 1, "classes": 2},
        "stem": {"patch": draw(_asked([2, 4]))},
        "width": 24,
        **levels[0],
        "stages": {"count": draw(st.integers(1, 2)), "each": {**levels[1], "downsample": "none"}},
    }


@given(spaces(), st.integers(0, 1000))
@settings(max_examples=40)
def test_same_answers_same_architecture(data: dict[str, Any], seed: int) -> None:
    SCHEMA.validate(data)
    space = SearchSpace(yaml.safe_dump(data))
    random = Random(seed)
    answers, spec = space.walk(lambda question: random.choice(question.labels))
    assert space.walk(lambda question: answers[question.path]) == (answers, spec)
    assert space.find(spec) in (answers, None) or space.spec(space.find(spec) or {}) == spec
    assert set(answers) <= {question.path for question in space.questions}
    assert 1 <= space.tables.count() <= space.size


@given(spaces())
@settings(max_examples=10)
def test_a_question_on_the_top_level_is_asked_once(data: dict[str, Any]) -> None:
    space = SearchSpace(yaml.safe_dump(data))
    for name in STAGE:
        own = [q.path for q in space.questions if q.path.split(".")[-1] == name]
        assert (own == [name] or not own) if name in data else name not in own


@pytest.mark.parametrize("name", shipped())
def test_shipped_spaces_keep_the_schema(name: str) -> None:
    SCHEMA.validate(yaml.safe_load((shipped_folder() / f"{name}.yaml").read_text()))


@pytest.mark.parametrize(
    "wrong",
    [{"widht": 3}, {"width": [1, 2]}, {"mixer": {"gmlp": {"raito": 1}}}, {"head": {"pool": "max"}}, {"seeds": ["x"]}],
)
def test_the_schema_refuses_mistakes(wrong: dict[str, Any]) -> None:
    good = {"version": 1, "name": "a", "width": 8, "depth": 1, "mixer": "gmlp", "stages": {"count": 1}}
    SCHEMA.validate(good)
    with pytest.raises(jsonschema.ValidationError):
        SCHEMA.validate(good | wrong)


def test_show_says_what_there_is() -> None:
    text = "\n".join(lines(SearchSpace.load("isotropic"), "5GFLOPs"))
    assert "variant? mean, class_token" in text
    assert "within 5 GMACs:" in text
    assert "3,030 architectures can be built" in text


@pytest.mark.parametrize("name", shipped())
def test_seeds_are_points_of_their_space(name: str) -> None:
    space = SearchSpace.load(name)
    assert [seed for seed in space.seeds if space.find(find(seed).spec) is None] == []


def test_every_mixer_meets_every_pooling_in_vit_vs_mixer() -> None:
    space, rng = SearchSpace.load("vit_vs_mixer"), np.random.default_rng(0)
    specs = [space.sample(rng, "4.6GFLOPs").spec for _ in range(300)]
    mixers = {"attention", "token_mlp", "token_glu", "token_linear", "gmlp"}
    met = {(spec.stages[0].mixer.name, spec.pool, spec.position_embedding) for spec in specs}
    assert met == {(mixer, pool, table) for mixer in mixers for pool in ("avg", "cls") for table in (True, False)}
    assert all(bool(spec.stages[0].mlp_ratio) is (spec.stages[0].mixer.name != "gmlp") for spec in specs)


SCALES = "version: 1\nname: x\nwidth: 8\ndepth: 1\nmixer: token_linear\ninput: {size: 16}\nstages: {count: 1}\n"


def test_numbers_are_written_as_people_write_them() -> None:
    space = SearchSpace(SCALES + "layer_scale: {choose: [1e-5, 1E-6, .1, 010]}\n")
    (question,) = space.questions
    assert question.labels == (1e-5, 1e-6, 0.1, 10)


def test_a_space_may_be_json() -> None:
    text = (
        '{"version": 1, "name": "x", "width": 8, "depth": 1, "mixer": {"token_mlp": {"ratio": 5e-1}},\n'
        '\t"input": {"size": [16, 32]},\n\t"stages": {"count": 1}}'
    )
    assert SearchSpace(text).sample(np.random.default_rng(0)).spec.input_size == (16, 32)
    with pytest.raises(SpaceError, match=r"line 3: stages.count: expected a whole number from 1 to 16; got 99"):
        SearchSpace(text.replace('"count": 1', '"count": 99'))


# of 200 samples each, as they were when the tables were first written: whoever replays a search counts on them
DRAWN = {"quick": "d8f8c6c648f91194", "isotropic": "49bdd27ff482db4e"}


@pytest.mark.parametrize("name", DRAWN)
def test_random_streams_stay_the_same(name: str) -> None:
    space = SearchSpace.load(name)
    low, high = space.range("macs")
    window, rng, digest = {"macs": (0.0, low + (high - low) / 3)}, np.random.default_rng(7), sha256()
    drawn = space.samples(200, window, rng)
    mutated = space.mutate(drawn.codes, [1, 2, 3, 1] * 50, window, rng)
    for some in (drawn, mutated, space.cross(drawn.codes, drawn.codes[::-1], window, rng)):
        digest.update(some.codes.tobytes())
    assert digest.hexdigest()[:16] == DRAWN[name]
