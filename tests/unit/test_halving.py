"""Successive halving: which trials are promoted."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlpnas.engine.scheduling.halving import Halving

RUNGS = (1, 3, 9)


@given(st.lists(st.tuples(st.floats(1, 100), st.floats(0, 1)), max_size=60), st.booleans())
def test_no_more_than_a_share_is_promoted_and_none_twice(points: list[tuple[float, float]], by_cost: bool) -> None:
    halving, promoted = Halving(RUNGS, by_cost), []
    for trial, (cost, value) in enumerate(points):
        halving.report(trial, 1, cost, value)
        while promotion := halving.promote_next():
            promoted.append(promotion)
            halving.report(promotion[0], promotion[1], *points[promotion[0]])
    assert len(promoted) == len(set(promoted))
    assert {trial for trial, until in promoted if until == 9} <= {trial for trial, until in promoted if until == 3}


def test_trials_compete_with_those_of_similar_cost() -> None:
    halving = Halving((1, 2))
    for trial in range(80):
        halving.report(trial, 1, cost=1.0 + trial, value=trial / 80)  # the larger, the better
    promoted = []
    while promotion := halving.promote_next():
        promoted.append(promotion[0])
    assert len(promoted) == 40
    assert [sum(low <= trial < low + 20 for trial in promoted) for low in (0, 20, 40, 60)] == [10] * 4


def test_the_best_of_each_cost_is_promoted() -> None:
    halving = Halving((1, 3))
    rng = np.random.default_rng(0)
    for trial in range(24):  # more expensive networks are all better
        halving.report(trial, 1, cost=float(trial), value=trial + rng.random())
    promoted = []
    while (found := halving.promote_next()) is not None:
        promoted.append(found)
    trials = sorted(trial for trial, _ in promoted)
    assert {rung for _, rung in promoted} == {3}
    assert trials == [4, 5, 10, 11, 16, 17, 22, 23]
    assert halving.promote_next() is None


def test_by_value_alone_the_best_is_promoted_rung_by_rung() -> None:
    halving = Halving((1, 2, 4), by_cost=False)
    for trial in range(4):
        halving.report(trial, 1, cost=1.0, value=float(-trial))
    assert [halving.promote_next() for _ in range(3)] == [(0, 2), (1, 2), None]
    halving.report(0, 2, 1.0, 0.3)
    halving.report(1, 2, 1.0, 0.5)
    assert halving.promote_next() == (1, 4)
