"""Zero-cost scores in known_cost: taken up where they are informative, left alone where they are noise."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from mlpnas.engine.scheduling.scorer import Scorer
from mlpnas.engine.search import search
from mlpnas.record import Record
from mlpnas.samplers import RunStudy
from mlpnas.samplers.known_cost import KnownCost
from mlpnas.space.codes import Codes, encode
from mlpnas.space.space import SearchSpace
from mlpnas.training.recipe import Recipe

TRIALS, SEEDS = 40, 4
SPACE = """\
version: 1
name: small
input: {size: 28, channels: 1, classes: 10}
stem: {patch: 7}
width: {choose: [16, 24, 32]}
stages:
  count: 2
  each: {depth: {choose: [1, 2, 3, 4]}, mixer: {choose: [token_linear, gmlp, pooling]}, mlp_ratio: {choose: [1, 2, 3]}}
"""


class World:
    """The space with an accuracy of which answers tell half; the other half is in the score `wise`.

    `noise` says nothing, `size` is the cost. A score is asked for only by whoever searches.
    """

    def __init__(self, space: SearchSpace, names: Sequence[str], seed: int) -> None:
        self.space, self.names, self.seed = space, tuple(names), seed
        rng = np.random.default_rng(seed)
        self.worth = [rng.normal(0, 0.5, len(question.labels) + 1) for question in space.questions]
        self.measured: set[bytes] = set()

    def hidden(self, codes: Codes, salt: int) -> float:
        return float(np.random.default_rng([self.seed, salt, *(codes + 1).tolist()]).normal())

    def scores(self, codes: Codes) -> Mapping[str, float]:
        known = {"wise": self.hidden(codes, 1) + 0.3 * self.hidden(codes, 2), "noise": self.hidden(codes, 3)}
        return {name: known[name] for name in self.names}

    def top1(self, codes: Codes) -> float:
        return sum(own[code] for own, code in zip(self.worth, codes, strict=True)) + 2 * self.hidden(codes, 1)

    def __call__(self, codes: Codes) -> Mapping[str, np.ndarray]:
        self.measured.update(row.tobytes() for row in codes)
        each = [self.scores(row) for row in codes]
        return {name: np.array([scores[name] for scores in each]) for name in self.names}


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return SearchSpace(SPACE)


def _search(world: World, sampler: KnownCost, trials: range, past: Sequence[Record] = ()) -> list[Record]:
    records, study = list(past), RunStudy(sampler, past)
    for trial in trials:
        sample = study.ask(trial).sample
        codes = sampler.archive.encode(sample.answers)
        values = {**sample.costs, **world.scores(codes), "top1": world.top1(codes)}
        records.append(Record(trial, sample.spec.key, "", sample.answers, "done", values=values, epochs=1))
        study.tell(records[-1])
    return records


def _sampler(space: SearchSpace, scorer: World | None, seed: int) -> KnownCost:
    sampler = KnownCost(space, space.window("400kMACs"), {"top1": "maximize"}, seed)
    sampler.scorer = scorer
    return sampler


def _late(records: Sequence[Record]) -> float:
    return float(np.mean([record.values["top1"] for record in records[25:]]))


def test_an_informative_score_makes_the_search_better(space: SearchSpace) -> None:
    gains = []
    for seed in range(SEEDS):
        world = World(space, ["wise"], seed)
        found = [_search(world, _sampler(space, scorer, seed), range(TRIALS)) for scorer in (world, None)]
        gains.append(_late(found[0]) - _late(found[1]))
        assert world.measured
    assert np.mean(gains) > 0.1


def test_noise_is_switched_off_and_changes_nothing(space: SearchSpace) -> None:
    world = World(space, ["noise"], 0)
    found = [_search(world, _sampler(space, scorer, 0), range(TRIALS)) for scorer in (world, None)]
    assert not world.measured
    assert [record.key for record in found[0]] == [record.key for record in found[1]]


@pytest.mark.parametrize("cut", [21, 33])
def test_a_resumed_search_decides_alike(space: SearchSpace, cut: int) -> None:
    world = World(space, ["wise", "noise"], 0)
    whole = _search(world, _sampler(space, world, 0), range(40))
    again = _search(world, _sampler(space, world, 0), range(cut, 40), whole[:cut])
    assert [record.key for record in again] == [record.key for record in whole]


def test_a_scorer_measures_what_a_worker_does(space: SearchSpace, tmp_path: Path) -> None:
    recipe = Recipe(epochs=1, samples=64, warmup_epochs=0)
    run = search(
        space, trials=1, scores="naswot,snip", data="digits", recipe=recipe, backend="local", run=tmp_path / "run"
    )
    record = run.records[0]
    found = Scorer(space, run.manifest)(encode(space.questions, [dict(record.answers)]))
    assert list(found) == ["naswot", "snip"]
    for name, values in found.items():
        assert values == pytest.approx([record.values[name]], rel=1e-4)
