import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpnas.errors import ShapeError, SpecError
from mlpnas.spec import ArchSpec, Grid, Layer, Stage, Stem

scalars = st.one_of(st.integers(1, 64), st.booleans(), st.sampled_from([0.25, 0.5, 1.0]))
layers = st.builds(
    lambda name, options: Layer.of(name, **options),
    st.sampled_from(["axial_shift", "gmlp", "attention"]),
    st.dictionaries(st.sampled_from(["shift_size", "ratio", "head_dim"]), scalars, max_size=2),
)
stages = st.builds(
    Stage,
    width=st.integers(1, 512),
    depth=st.integers(1, 18),
    mixer=layers,
    mlp_ratio=st.sampled_from([0, 2, 4, 2.5]),
    norm=st.sampled_from([Layer("layer"), Layer("group"), Layer.of("layer", eps=1e-5)]),
    layer_scale=st.sampled_from([None, 0.1]),
    downsample=st.sampled_from([Layer("merge"), Layer("none")]),
)
specs = st.builds(
    ArchSpec,
    stages=st.lists(stages, min_size=1, max_size=4).map(tuple),
    stem=st.builds(Stem, patch=st.sampled_from([2, 4, 16])),
    input_size=st.one_of(st.integers(1, 512), st.tuples(st.integers(1, 256), st.integers(257, 512))),
    pool=st.sampled_from(["avg", "cls"]),
    position_embedding=st.booleans(),
)


@given(specs)
def test_json_both_ways(spec: ArchSpec) -> None:
    again = ArchSpec.loads(spec.dumps())
    assert again == spec
    assert again.key == spec.key


@given(specs, specs)
def test_equal_specs_have_equal_keys_and_no_others(one: ArchSpec, other: ArchSpec) -> None:
    assert (one == other) == (one.key == other.key)


def test_whole_floats_are_integers() -> None:
    stage = Stage(64, 2, Layer("gmlp"))
    assert ArchSpec((stage,)).key == ArchSpec((Stage(64, 2, Layer("gmlp"), mlp_ratio=4.0),)).key


WRONG = [
    ("[]", "spec: expected a mapping"),
    ("{}", "'stages' is missing"),
    ('{"stages": []}', "at least one stage"),
    ('{"stages": [{"width": 8, "depth": 1}]}', r"spec.stages\[0\]: 'mixer' is missing"),
    ('{"stages": [{"width": 8, "depth": 0, "mixer": "gmlp"}]}', "depth: expected a whole number from 1"),
    (
        '{"stages": [{"width": 8.5, "depth": 1, "mixer": "gmlp"}]}',
        "width: expected a whole number from 1",
    ),
    ('{"stages": [{"width": 8, "depth": 1, "mixer": {"a": 1, "b": 2}}]}', 'expected "name"'),
    ('{"stages": [{"width": 8, "depth": 1, "mixer": "gmlp", "dept": 3}]}', "no field 'dept'"),
    (
        '{"stages": [{"width": 8, "depth": 1, "mixer": "gmlp"}], "pool": "max"}',
        "expected one of avg, cls",
    ),
    (
        '{"stages": [{"width": 8, "depth": 1, "mixer": "gmlp"}], "position_embedding": 1}',
        "true, false; got 1",
    ),
    ("{", "not JSON"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_what_is_no_spec_is_refused(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        ArchSpec.loads(text)


def _pyramid(**changes: object) -> ArchSpec:
    stage = Stage(8, 1, Layer("axial_shift"))
    return ArchSpec((stage,) * 4, Stem(4), **changes)  # type: ignore[arg-type]


def test_grids_of_a_pyramid() -> None:
    assert _pyramid().grids() == (Grid(56, 56), Grid(28, 28), Grid(14, 14), Grid(7, 7))
    assert _pyramid(input_size=(64, 96)).grids()[-1] == Grid(2, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_size": 225}, "multiples of 4"),
        ({"input_size": 28}, "even grid, got 7x7"),
        ({"pool": "cls"}, "use pool: avg"),
    ],
)
def test_grids_that_do_not_fit(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        _pyramid(**changes).grids()
