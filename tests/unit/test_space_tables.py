"""The counting tables against listing every architecture."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlpnas.costs import cost
from mlpnas.errors import BudgetError, ShapeError
from mlpnas.plugins import shipped
from mlpnas.space import SearchSpace
from mlpnas.space.tables import is_inside
from mlpnas.space.tree import outcomes

SMALL = """\
version: 1
name: small
input: {size: 32, channels: 3, classes: 10}
stem: {patch: {choose: [2, 4, 8]}}
head: {pool: {choose: [avg, cls]}}
stages:
  count: 2
  each:
    width: {choose: [16, 20]}
    downsample: {choose: [merge, none]}
    depth: {choose: [1, 3]}
    mixer:
      choose:
        axial_shift: {shift_size: 3, dilation: {choose: [1, 2]}}
        attention: {head_dim: {choose: [8, 10]}}
        gmlp: {ratio: 2}
"""


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return SearchSpace(SMALL)


@pytest.fixture(scope="module")
def everything(space: SearchSpace) -> dict[str, float]:
    """Every architecture that can be built, by key, with its MACs: tried one by one."""
    found = {}
    for row in product(*(list(outcomes(level)) for level in (space.network, *space.stages))):
        answers = {path: label for part, _ in row for path, label in part.items()}
        try:
            spec = space.spec(answers)
            found[spec.key] = float(cost(spec).macs)
        except ShapeError:
            continue
    return found


def test_counts_what_can_be_built(space: SearchSpace, everything: dict[str, float]) -> None:
    assert space.tables.count() == len(everything)
    assert space.tables.count() < space.size  # some answers do not fit together
    assert space.tables.range("macs") == (min(everything.values()), max(everything.values()))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_counts_inside_a_window(space: SearchSpace, everything: dict[str, float], share: float) -> None:
    bound = float(np.quantile(list(everything.values()), share))
    assert space.tables.count("macs", bound / 2, bound) == sum(bound / 2 <= m <= bound for m in everything.values())


def test_samples_are_uniform_inside_the_budget(space: SearchSpace, everything: dict[str, float]) -> None:
    bound = float(np.quantile(list(everything.values()), 0.25))
    within = [key for key, macs in everything.items() if macs <= bound]
    rng = np.random.default_rng(0)
    drawn = Counter(space.sample(rng, {"macs": (0, bound)}).spec.key for _ in range(20 * len(within)))
    assert set(drawn) <= set(within)
    assert stats.chisquare([drawn[key] for key in within]).pvalue > 1e-3


def test_a_coarse_raster_never_lets_a_cost_through(space: SearchSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpnas.space.histogram._LARGEST", 64)
    coarse = SearchSpace(SMALL)
    rng, bound = np.random.default_rng(0), space.tables.range("macs")[1] / 3
    costs = [coarse.sample(rng, {"macs": (0, bound)}).costs["macs"] for _ in range(200)]
    assert max(costs) <= bound
    assert coarse.tables.count("macs", 0, bound) == pytest.approx(space.tables.count("macs", 0, bound), rel=0.2)


@pytest.mark.parametrize("name", shipped())
@pytest.mark.parametrize("share", [0.02, 0.5])
def test_samples_of_shipped_spaces_lie_inside_any_budget(name: str, share: float) -> None:
    space = _loaded(name)
    low, high = space.tables.range("macs")
    budget = f"{(low + share * (high - low)) / 1e6:f}MMACs"
    rng, window = np.random.default_rng(1), space.window(budget, fill=0.5)
    for _ in range(20):
        sample = space.sample(rng, window)
        assert is_inside(sample.costs, window)
        assert sample.costs["macs"] == cost(sample.spec).macs
        assert sample.costs["peak_bytes"] == cost(sample.spec).peak_bytes
        assert space.spec(sample.answers) == sample.spec
        assert space.find(sample.spec) == sample.answers


_SPACES: dict[str, SearchSpace] = {}


def _loaded(name: str) -> SearchSpace:
    return _SPACES.setdefault(name, SearchSpace.load(name))


@given(st.randoms(use_true_random=False), st.floats(0.01, 1), st.sampled_from([0.0, 0.5]))
@settings(max_examples=60, deadline=None)
def test_any_answers_can_be_fitted(space: SearchSpace, random: object, share: float, fill: float) -> None:
    answers = space.answers(lambda q: random.choice(q.labels))  # type: ignore[attr-defined]
    low, high = space.tables.range("macs")
    bound = low + share * (high - low)
    window = {"macs": (fill * bound, bound)}
    fitted = space.fit(answers, window, np.random.default_rng(0))
    assert is_inside(fitted.costs, window)
    assert space.spec(fitted.answers) == fitted.spec


def test_a_fitting_architecture_stays(space: SearchSpace) -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        sample = space.sample(rng, {})
        assert space.fit(sample.answers, {"macs": (0, sample.costs["macs"])}, rng) == sample


def test_several_limits_at_once(space: SearchSpace) -> None:
    macs, params = (space.tables.range(name)[1] for name in ("macs", "params"))
    window = {"macs": (0.0, macs / 4), "params": (0.0, params / 6), "peak_bytes": (0.0, 60_000.0)}
    rng = np.random.default_rng(0)
    assert all(is_inside(space.sample(rng, window).costs, window) for _ in range(50))


def test_an_infeasible_budget_names_the_cheapest(space: SearchSpace) -> None:
    with pytest.raises(BudgetError, match=r"the cheapest has .* kMACs"):
        space.sample(np.random.default_rng(0), "1kMACs")


@pytest.mark.parametrize("name", ["as_mlp_t", "as_mlp_s", "as_mlp_b"])
def test_asmlp_holds_the_published_ones(name: str) -> None:
    from mlpnas import published

    space = _loaded("asmlp")
    spec = published.find(name).spec
    answers = space.find(spec)
    assert answers is not None
    assert space.spec(answers) == spec
    assert space.tables.range("macs")[1] > 15e9


def test_published_specs_leave_defaults_out_as_spaces_do() -> None:
    from mlpnas import published
    from mlpnas.space.catalogues import option_defaults

    for name in published.names():
        for stage in published.find(name).spec.stages:
            defaults = option_defaults("mixers", stage.mixer.name)
            assert all(defaults[option] != value for option, value in stage.mixer.options), name
