"""The contract of every sampler."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from mlpnas.plugins import names
from mlpnas.record import Record
from mlpnas.samplers import Proposal, RunStudy, make_sampler
from mlpnas.space import SearchSpace
from mlpnas.space.tables import is_inside

OBJECTIVES = {"top1": "maximize", "macs": "minimize"}
STATUSES = ("done", "done", "diverged", "done", "failed", "out_of_memory", "done", "stopped")


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return SearchSpace.load("quick")


EXAMPLES = {"optuna": "optuna:NSGAIIISampler:population_size=10", "optunahub": ""}  # those that need an option
NAMES = [example for name in names("samplers") if (example := EXAMPLES.get(name, name))]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _judged(proposal: Proposal, trial: int, status: str | None = None) -> Record:
    answers = proposal.sample.answers
    top1 = 0.5 + 0.2 * (answers["stage1.mixer"] == "axial_shift") + 0.1 * (answers["width"] == 24)
    return _record(proposal, trial, top1, status or STATUSES[trial % len(STATUSES)])


def _record(proposal: Proposal, trial: int, top1: float, status: str = "done") -> Record:
    spec, answers = proposal.sample.spec, proposal.sample.answers
    values: Mapping[str, float] = dict(proposal.sample.costs) | ({"top1": top1} if status == "done" else {})
    return Record(trial, spec.key, spec.dumps(), answers, status, values=values, sampler_state=dict(proposal.state))


def _search(name: str, space: SearchSpace, trials: int, past: list[Record], seed: int = 5) -> list[Record]:
    window = space.window("1MMACs", fill=0.2)
    sampler = RunStudy(make_sampler(name, space, window, OBJECTIVES, seed), past)
    records = list(past)
    for trial in range(len(past), trials):
        proposal = sampler.ask(trial)
        assert is_inside(proposal.sample.costs, window)
        assert space.spec(proposal.sample.answers) == proposal.sample.spec
        records.append(_judged(proposal, trial))
        sampler.tell(records[-1])
    return records


def _keys(records: list[Record]) -> list[str]:
    return [record.key for record in records]


def test_every_proposal_lies_inside_the_window(name: str, space: SearchSpace) -> None:
    records = _search(name, space, 50, [])
    assert len(set(_keys(records))) > 25


def test_same_seed_same_search_and_other_seed_another(name: str, space: SearchSpace) -> None:
    first = _keys(_search(name, space, 25, []))
    assert _keys(_search(name, space, 25, [])) == first
    assert _keys(_search(name, space, 25, [], seed=6)) != first


@pytest.mark.parametrize("cut", [1, 9, 23])
def test_a_resumed_search_goes_on_as_if_nothing_had_happened(name: str, space: SearchSpace, cut: int) -> None:
    whole = _search(name, space, 45, [])
    assert _keys(_search(name, space, 45, whole[:cut])) == _keys(whole)


def _parts(study: RunStudy) -> list[object]:
    trials = study.study.get_trials(deepcopy=False)
    names = ("number", "state", "values", "params", "distributions", "user_attrs", "system_attrs")
    return [{part: getattr(trial, part) for part in names} for trial in trials]


def test_a_rebuilt_study_equals_the_live_one(name: str, space: SearchSpace) -> None:
    """Four workers; trials that stop and go on, fail, diverge, repeat others or were published."""
    live, history = RunStudy(make_sampler(name, space, space.window("1MMACs"), OBJECTIVES, 3)), []
    seed = Proposal(space.sample(np.random.default_rng(7)))
    live.begin(0, seed.sample.answers)
    running = [(0, seed, "published")]
    for trial in range(1, 34):
        running.append((trial, live.ask(trial), "duplicate" if trial % 9 == 4 else "sampled"))
        if len(running) == 4:
            number, proposal, origin = running.pop(trial % 4)
            status = STATUSES[number % len(STATUSES)]
            told = [status, "done"] if status == "stopped" and number < 20 else [status]
            for each in told:
                history.append(replace(_judged(proposal, number, each), origin=origin))
                live.tell(history[-1])
    for number, proposal, origin in running:
        history.append(replace(_judged(proposal, number, "done"), origin=origin))
        live.tell(history[-1])
    rebuilt = RunStudy(make_sampler(name, space, space.window("1MMACs"), OBJECTIVES, 3), history)
    assert _parts(rebuilt) == _parts(live)
    assert {trial.state.name for trial in live.study.trials} == {"COMPLETE", "FAIL", "RUNNING"}


def test_workers_may_ask_before_others_have_told(name: str, space: SearchSpace) -> None:
    sampler = RunStudy(make_sampler(name, space, space.window("1MMACs"), OBJECTIVES, 0))
    open_: list[tuple[int, Proposal]] = []
    for trial in range(30):
        open_.append((trial, sampler.ask(trial)))
        if len(open_) == 4:
            number, proposal = open_.pop(trial % 4)
            sampler.tell(_judged(proposal, number))


def test_a_duplicate_ends_its_proposal(name: str, space: SearchSpace) -> None:
    sampler = RunStudy(make_sampler(name, space, space.window("1MMACs"), OBJECTIVES, 0))
    for trial in range(15):
        record = _judged(sampler.ask(trial), trial, "done")
        sampler.tell(Record(**{**vars(record), "origin": "duplicate"}))


@pytest.mark.parametrize("depth", ["1", "{choose: [1]}"])
def test_a_space_of_one_architecture_is_proposed_again_and_again(name: str, depth: str) -> None:
    single = SearchSpace(
        "version: 1\nname: single\ninput: {size: 8, channels: 1, classes: 2}\nstem: {patch: 4}\n"
        f"width: 8\ndepth: {depth}\nmixer: token_linear\nstages: {{count: 1}}\n"
    )
    sampler = RunStudy(make_sampler(name, single, {}, OBJECTIVES, 0))
    for trial in range(14):
        proposal = sampler.ask(trial)
        assert proposal.sample.spec == single.spec(proposal.sample.answers)
        sampler.tell(_record(proposal, trial, 0.5))


def test_a_published_model_from_outside_the_space_is_no_trouble(name: str, space: SearchSpace) -> None:
    sampler = RunStudy(make_sampler(name, space, space.window("1MMACs"), OBJECTIVES, 0))
    sampler.tell(Record(0, "k", "{}", {}, "done", "published", {"top1": 0.9, "macs": 5e5}))
    assert sampler.ask(1).sample.costs["macs"] <= 1e6


@pytest.mark.parametrize("learner", ["known_cost", "tpe", "evolution", "local"])
def test_learns_what_pays_random_does_not(learner: str, space: SearchSpace) -> None:
    late = {name: _search_single(name, space)[-30:] for name in (learner, "random")}
    share = {
        name: sum(r.answers["stage1.mixer"] == "axial_shift" for r in records) / len(records)
        for name, records in late.items()
    }
    assert share[learner] > 0.5 > share["random"]


@pytest.mark.parametrize("learner", sorted(set(NAMES) - {"random"}))
def test_proposes_nothing_twice(learner: str, space: SearchSpace) -> None:
    keys = _keys(_search_single(learner, space))
    assert len(set(keys)) == len(keys)


def _search_single(name: str, space: SearchSpace) -> list[Record]:
    sampler = RunStudy(make_sampler(name, space, space.window("2MMACs"), {"top1": "maximize"}, 1))
    records = []
    for trial in range(60):
        records.append(_judged(sampler.ask(trial), trial, "done"))
        sampler.tell(records[-1])
    return records
