"""The audit of cheap scores, on simulated runs with scores whose worth is known."""

from collections import Counter
from collections.abc import Callable
from math import inf, nan, pi, sin

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import kendalltau

from mlpnas.audit import BASELINE, BETTER, EQUAL, LEAST_TRIALS, TOO_FEW, USELESS, audit, audit_records, usable
from mlpnas.record import Record

Floats = NDArray[np.float64]
Planted = Callable[[Floats, Floats, np.random.Generator], Floats]  # (log cost, the rest of the worth, rng) -> score
TAU_HALF = sin(pi / 4)  # correlation of normal numbers whose Kendall's tau is 0.5
TRIALS, RUNS = 40, 200


def _useless(cost: Floats, rest: Floats, rng: np.random.Generator) -> Floats:
    return rng.normal(size=len(cost))


def _cost_alone(cost: Floats, rest: Floats, rng: np.random.Generator) -> Floats:
    return np.exp(cost)


def _noisy_cost(cost: Floats, rest: Floats, rng: np.random.Generator) -> Floats:
    return cost + 0.1 * rng.normal(size=len(cost))


def _useful(cost: Floats, rest: Floats, rng: np.random.Generator) -> Floats:
    """tau 0.5 with what cost leaves open, and knows the cost too."""
    return cost + TAU_HALF * rest + (1 - TAU_HALF**2) ** 0.5 * rng.normal(size=len(cost))


def _verdicts(planted: Planted, runs: int = RUNS, weight: float = 1.0, seed: int = 0) -> Counter[str]:
    """Return the verdicts on a planted score in so many runs; worth = weight * log cost + an equal share of noise."""
    found: Counter[str] = Counter()
    for run in range(runs):
        rng = np.random.default_rng([seed, run])
        cost, rest = rng.normal(size=(2, TRIALS))
        found[audit({"macs": cost, "planted": planted(cost, rest, rng)}, weight * cost + rest)[1].verdict] += 1
    return found


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_a_useless_score_is_off_after_40_audits(weight: float) -> None:
    assert _verdicts(_useless, weight=weight)[BETTER] <= 0.05 * RUNS


@pytest.mark.parametrize("planted", [_cost_alone, _noisy_cost])
def test_a_score_that_counts_macs_is_flagged(planted: Planted) -> None:
    assert _verdicts(planted)[EQUAL] >= 0.95 * RUNS


def test_a_useful_score_is_better() -> None:
    assert _verdicts(_useful)[BETTER] >= 0.95 * RUNS


def test_useless_says_useless() -> None:
    assert _verdicts(_useless)[USELESS] >= 0.9 * RUNS


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=30))
def test_tau_is_kendalls_tau_b(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, float).T
    found = audit({"macs": x}, y)[0].overall
    wanted = kendalltau(x, y).statistic
    assert found.value == pytest.approx(0 if np.isnan(wanted) else wanted, abs=1e-9)
    assert -1 <= found.low <= found.value <= found.high <= 1


@given(st.integers(0, 10**6))
def test_growing_transformations_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cost, score, worth = rng.normal(size=(3, 24))
    plain, bent = audit({"macs": cost, "s": score}, worth), audit({"macs": np.exp(cost), "s": score**3}, 2 * worth)
    assert plain == bent


def test_pairs_of_one_bin_alone_count_at_equal_cost() -> None:
    cost = np.arange(24.0)
    worth = cost // 8 * 100 - cost  # dearer bins are better, inside each the cheaper ones
    found = audit({"macs": cost}, worth)[0]
    assert found.within.value == -1
    assert found.overall.value > 0


def test_what_is_not_finite_does_not_count() -> None:
    rng = np.random.default_rng(1)
    cost, worth = rng.normal(size=(2, 30))
    holes = np.where(np.arange(30) < 20, worth, nan)
    holes[0] = inf
    found = {item.name: item for item in audit({"macs": cost, "holes": holes}, worth)}
    assert (found["macs"].trials, found["holes"].trials) == (30, 19)
    assert found["holes"].verdict == BETTER


def test_few_trials_say_nothing() -> None:
    worth = np.arange(LEAST_TRIALS - 1.0)
    assert {item.verdict for item in audit({"macs": -worth, "s": worth}, worth)} == {TOO_FEW}
    assert not usable(worth, -worth, worth)
    assert audit({"macs": [], "s": []}, [])[1].trials == 0


def test_the_error_of_the_interval_is_that_of_repeated_runs() -> None:
    rng = np.random.default_rng(2)
    found = [audit({"macs": rng.normal(size=TRIALS)}, rng.normal(size=TRIALS))[0].overall for _ in range(300)]
    covered = np.mean([tau.low <= 0 <= tau.high for tau in found])
    assert 0.9 <= covered <= 0.99


def test_a_constant_score_is_useless_and_off() -> None:
    cost, worth = np.random.default_rng(3).normal(size=(2, 24))
    found = audit({"macs": cost, "constant": np.ones(24)}, worth)
    assert [item.verdict for item in found] == [BASELINE, USELESS]
    assert found[1].within.value == 0


def test_a_perfect_score_is_kept_and_its_opposite_is_not() -> None:
    cost, worth = np.random.default_rng(4).normal(size=(2, 24))
    assert usable(worth, cost, worth)
    assert not usable(-worth, cost, worth)


def test_records_are_read_by_name_and_direction() -> None:
    def record(trial: int, loss: float, **values: float) -> Record:
        return Record(trial, str(trial), "", {}, "done", values={"macs": trial % 7, "loss": loss, **values})

    records = [record(trial, -float(trial), snip=trial) for trial in range(20)]
    found = {item.name: item for item in audit_records(records, "loss", "minimize", ["snip", "zen"])}
    assert list(found) == ["macs", "params", "snip", "zen"]
    assert found["snip"].overall.value == 1
    assert found["snip"].verdict == BETTER
    assert (found["zen"].trials, found["zen"].verdict) == (0, TOO_FEW)
