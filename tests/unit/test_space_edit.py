"""Edits, crossings and re-fits on the counting tables, against the space's own answers and costs."""

from collections.abc import Iterator

import numpy as np
import pytest

from mlpnas.costs import cost
from mlpnas.space import SearchSpace
from mlpnas.space.codes import Candidates, Codes, Level, decode, distance, encode
from mlpnas.space.tables import Window

CONDITIONAL = """\
version: 1
name: conditional
input: {size: 32, channels: 3, classes: 10}
stem: {patch: {choose: [2, 4, 8]}}
width: {choose: [16, 20, 24]}
stages:
  count: 3
  each:
    downsample: {choose: [merge, none]}
    depth: {choose: [1, 2, 3]}
    mixer:
      choose:
        axial_shift: {shift_size: {choose: [3, 5]}, dilation: {choose: [1, 2]}}
        attention: {head_dim: {choose: [4, 10]}}
        gmlp: {ratio: 2}
"""


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return SearchSpace(CONDITIONAL)


@pytest.fixture(params=[0.0, 0.9], ids=["below", "filled"])
def window(space: SearchSpace, request: pytest.FixtureRequest) -> Window:
    low, high = space.tables.range("macs")
    bound = low + (high - low) / 5
    return {"macs": (request.param * bound, bound), "params": (0.0, space.tables.range("params")[1] / 2)}


def _answers(space: SearchSpace, candidates: Candidates) -> Iterator[dict[str, object]]:
    return (decode(space.questions, codes) for codes in candidates.codes)


def test_codes_are_answers(space: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    answers = [space.sample(rng, {}).answers for _ in range(20)]
    codes = encode(space.questions, answers)
    assert [decode(space.questions, row) for row in codes] == answers
    assert codes.shape == (20, len(space.questions))
    assert (codes == -1).any()


def test_candidates_are_architectures_inside_at_their_exact_cost(space: SearchSpace, window: Window) -> None:
    rng = np.random.default_rng(1)
    drawn = space.samples(30, window, rng)
    found = [
        drawn,
        space.mutate(drawn.codes, [1, 2, 3] * 10, window, rng),
        space.cross(drawn.codes, drawn.codes[::-1], window, rng),
    ]
    for candidates in found:
        assert len(candidates.codes) >= 20
        for number, answers in enumerate(_answers(space, candidates)):
            costs = cost(space.spec(answers))
            for name, each in candidates.costs.items():
                assert each[number] == getattr(costs, name)
            assert all(low <= candidates.costs[name][number] <= high for name, (low, high) in window.items())


def test_one_edit_changes_one_answer(space: SearchSpace) -> None:
    rng = np.random.default_rng(2)
    parents = space.samples(200, {}, rng).codes
    kept, changed = 0, set()
    for parent in parents:
        (child,) = space.mutate(parent[None], [1], {}, rng).codes if _fits(space, parent) else [parent]
        both = (parent >= 0) & (child >= 0) & (parent != child)
        kept += int(both.sum()) == 1
        changed |= set(np.flatnonzero(both).tolist())
    assert kept > 150  # the others had to follow a change of grid or width
    asked = {column for column, question in enumerate(space.questions) if (parents[:, column] >= 0).any()}
    assert len(changed) > 0.8 * len(asked)


def _fits(space: SearchSpace, parent: Codes) -> bool:
    return len(space.mutate(parent[None], [1], {}, np.random.default_rng(0)).codes) == 1


def test_a_crossing_takes_each_level_from_a_parent(space: SearchSpace) -> None:
    rng = np.random.default_rng(3)
    mothers, fathers = space.samples(40, {}, rng).codes, space.samples(40, {}, rng).codes
    children = space.cross(mothers, fathers, {}, rng).codes
    own = [
        all((part == m).all() or (part == f).all() for part, m, f in zip(*parts, strict=True))
        for parts in zip(*(map(space.tables.split, rows) for rows in (children, mothers, fathers)), strict=True)
    ]
    assert np.mean(own) > 0.5  # the others did not fit together


def test_edits_reach_the_whole_space() -> None:
    small = SearchSpace(CONDITIONAL.replace("count: 3", "count: 1").replace("downsample: {choose: [merge, none]}", ""))
    everything = small.tables.count()
    rng = np.random.default_rng(4)
    codes = small.samples(1, {}, rng).codes
    for _ in range(40):
        near = small.mutate(np.repeat(codes, 4, axis=0), [1] * (4 * len(codes)), {}, rng).codes
        codes = np.unique(np.concatenate([codes, near]), axis=0)
    assert len(codes) == everything


def test_a_level_edits_one_question_and_what_it_opens() -> None:
    level = Level(np.array([[0, 0, -1], [0, 1, -1], [1, -1, 0], [1, -1, 1]], np.int16))
    rng = np.random.default_rng(0)
    assert {level.edit(0, rng) for _ in range(50)} == {1, 2, 3}
    assert {level.edit(2, rng) for _ in range(50)} == {0, 1, 3}
    assert level.editable == [2, 2, 2, 2]
    assert Level(np.zeros((1, 3), np.int16)).edit(0, rng) is None


def test_distance_counts_new_and_different_answers() -> None:
    rows = np.array([[0, 1, -1], [0, 2, 3]], np.int16)
    assert distance(rows, np.array([0, 1, 3], np.int16)).tolist() == [0, 1]


WITH_NULL = """\
version: 1
name: with_null
input: {size: 32, channels: 3, classes: 10}
stem: {patch: 4}
width: 16
depth: 1
stages:
  each:
    variant:
      choose:
        scaled: {mixer: token_linear, layer_scale: {choose: [null, 0.1]}}
        plain: {mixer: {gmlp: {ratio: {choose: [2, 4]}}}}
"""


def test_a_null_answer_is_kept_and_edits_keep_its_variant() -> None:
    space, rng = SearchSpace(WITH_NULL), np.random.default_rng(0)
    (asked,) = [number for number, question in enumerate(space.questions) if None in question.labels]
    drawn = space.samples(300, {}, rng).codes
    scaled = drawn[:, 0] == 0
    assert set(drawn[scaled, asked]) == {0, 1}
    assert set(drawn[~scaled, asked]) == {-1}
    children = space.mutate(drawn, [1] * len(drawn), {}, rng).codes
    assert 100 < int((children[:, 0] != drawn[:, 0]).sum()) < 200  # one of two questions
    for codes in drawn:
        assert np.array_equal(encode(space.questions, [decode(space.questions, codes)])[0], codes)
