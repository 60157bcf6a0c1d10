"""A space is as large as a computer can list; what is larger is refused at once, naming what multiplies."""

import re
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpnas.errors import BudgetError, SpaceError
from mlpnas.space import SearchSpace, histogram, workload
from mlpnas.space.histogram import Histogram, sums
from mlpnas.space.load import read
from mlpnas.space.tree import Choose, Fields, Fixed, count

TOP = "version: 1\nname: x\ninput: {size: 32, channels: 3, classes: 10}\nstem: {patch: 4}\n"


def _some(numbers: Iterable[int]) -> str:
    return f"{{choose: [{', '.join(map(str, numbers))}]}}"


ASKED_ABOVE = f"width: {_some(range(8, 2008))}\ndepth: 1\nmixer: token_linear\nstages: {{count: 1}}"
ASKED_IN_A_STAGE = f"""\
width: 64
stages:
  each:
    depth: {_some(range(1, 101))}
    mlp_ratio: {_some(range(1, 101))}
    mixer: {{choose: {{gmlp: {{}}, token_mlp: {{ratio: {_some(range(1, 100))}}}}}}}
"""
HANDED_ON = f"""\
depth: {_some(range(1, 9))}
mixer: token_linear
stages: {{count: 4, each: {{downsample: none, width: {_some(range(8, 108))}}}}}
"""
IN_A_VARIANT = f"""\
depth: 1
stages:
  each:
    variant:
      choose:
        a: {{mixer: gmlp, width: {_some(range(2, 6000, 2))}}}
        b: {{mixer: token_linear, width: 8}}
"""
ASTRONOMIC = f"""\
width: {_some(range(1, 3000))}
depth: {_some(range(1, 1000))}
mlp_ratio: {_some(range(1, 1000))}
layer_scale: {_some(range(1, 1000))}
stages: {{count: 9, each: {{mixer: {{token_mlp: {{ratio: {_some(range(1, 1000))}}}}}}}}}
"""
STAGE = (
    "stage 1 has 1,000,000 sets of answers (depth 100 x mlp_ratio 100 x mixer 100, of which token_mlp 99 (ratio 99))"
)
TOO_LARGE = {
    "above": (ASKED_ABOVE, "for each of 2,000 of the network (width 2,000)"),
    "stage": (ASKED_IN_A_STAGE, STAGE),
    "states": (HANDED_ON, "for each of 100 widths and grids of the stage before"),
    "variant": (IN_A_VARIANT, "variant 3,000, of which a 2,999 (width 2,999)"),
    "astronomic": (ASTRONOMIC, "all stages 10^"),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_too_many_combinations_are_refused_before_any_is_listed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpnas.space.space.SpaceTables", None)
    text, says = TOO_LARGE[name]
    with pytest.raises(SpaceError) as caught:
        SearchSpace(TOP + text)
    assert says in str(caught.value)
    assert "100,000" in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", ["quick", "isotropic"])
def test_what_is_counted_is_what_is_listed(name: str) -> None:
    space = SearchSpace.load(name)
    space.tables.used_answers()
    tables = [outcomes for table in space.tables.networks for outcomes in table._outcomes.values()]
    listed = sum(len(table.stages) for table in tables)
    everything = count(space.network) * sum(count(stage) for stage in space.stages)
    assert listed <= everything <= workload.MOST


NUMBERS = """\
version: 1
name: x
input: {size: SIZE, channels: 1, classes: CLASSES}
stem: {patch: PATCH, kernel: KERNEL}
width: WIDTH
stages: {each: {depth: DEPTH, mlp_ratio: RATIO, mixer: {axial_shift: {shift_size: SHIFT}}}}
"""


@pytest.mark.parametrize("field", ["WIDTH", "DEPTH", "PATCH", "CLASSES", "SIZE", "KERNEL", "RATIO", "SHIFT"])
@pytest.mark.parametrize("number", ["999999999", "1e300", "-1", "true", "'8'", "8 px"])
def test_no_number_of_a_space_is_larger_than_a_computer_can_hold(field: str, number: str) -> None:
    text = re.sub(r"[A-Z]{4,}", "1", NUMBERS.replace(field, number))
    with pytest.raises(SpaceError, match=field.lower() + r".*expected a (whole )?number from"):
        read(text, "x.yaml")


def test_a_file_of_mistakes_shows_the_first_twenty() -> None:
    with pytest.raises(SpaceError) as caught:
        SearchSpace("\n".join(f"field_{number}: 1" for number in range(5000)))
    assert len(str(caught.value).splitlines()) == 22
    assert "and 80 more" in str(caught.value)


def test_a_mistake_of_any_length_is_quoted_in_short() -> None:
    for text in (
        "x" * 100_000 + ": 1",
        "name: " + "x" * 100_000,
        "seeds: [" + "x" * 100_000 + "]",
        "width: {a: {b: [1]}}",
    ):
        with pytest.raises(SpaceError) as caught:
            SearchSpace(f"version: 1\n{text}\n", "x" * 1000)
        assert all(len(line) < 700 for line in str(caught.value).splitlines())


@given(st.data())
@settings(max_examples=30)
def test_sums_on_a_raster_do_not_depend_on_the_block_size(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))

    def some() -> Histogram:
        costs = np.unique(rng.integers(1, 10**6, size=40)).astype(float)
        return Histogram(costs, np.concatenate([[0.0], np.cumsum(rng.integers(1, 9, len(costs)))]))

    pairs = [(some(), some()) for _ in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(histogram, "_LARGEST", 64)
        at_once = sums(pairs)
        patch.setattr(histogram, "_AT_ONCE", data.draw(st.integers(1, 300)))
        assert all(np.array_equal(one, other) for one, other in zip(sums(pairs), at_once, strict=True))
    assert at_once.cumulative[-1] == sum(one.cumulative[-1] * other.cumulative[-1] for one, other in pairs)


def test_a_window_narrower_than_the_raster_is_sampled_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histogram, "_LARGEST", 64)
    monkeypatch.setattr("mlpnas.space.space._TRIES", 300)
    space = SearchSpace.load("quick")
    found = []
    for share in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        budget = f"{space.range('macs')[1] * share / 1e6:f}MMACs"
        for fill in (0.9, 0.99, 0.999, 0.9999, 0.99995):
            window = space.window(budget, fill)
            try:
                found.append(space.sample(np.random.default_rng(0), window).costs["macs"] <= window["macs"][1])
            except BudgetError as error:
                found.append("--fill" in str(error))
    assert all(found)


def test_a_level_with_one_answer_is_one_form() -> None:
    variant = Choose("variant", ())
    assert workload.excess(Fields({"variant": variant, "width": Fixed(8)}), [Fields({})]) == ""
