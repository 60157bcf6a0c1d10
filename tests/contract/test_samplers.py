"""What every sampler must keep, whatever file it stands in."""

from collections.abc import Mapping

import pytest

from mlpnas.plugins import find, names
from mlpnas.record import Record
from mlpnas.samplers import Proposal
from mlpnas.space import SearchSpace
from mlpnas.space.tables import is_inside

OBJECTIVES = {"top1": "maximize", "macs": "minimize"}
STATUSES = ("done", "done", "diverged", "done", "failed", "out_of_memory", "done", "stopped")


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return SearchSpace.load("quick")


@pytest.fixture(params=names("samplers"))
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
    sampler = find("samplers", name)(space, window, OBJECTIVES, seed)
    records = list(past)
    for record in past:
        sampler.tell(record)
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


def test_workers_may_ask_before_others_have_told(name: str, space: SearchSpace) -> None:
    sampler = find("samplers", name)(space, space.window("1MMACs"), OBJECTIVES, 0)
    open_: list[tuple[int, Proposal]] = []
    for trial in range(30):
        open_.append((trial, sampler.ask(trial)))
        if len(open_) == 4:
            number, proposal = open_.pop(trial % 4)
            sampler.tell(_judged(proposal, number))


def test_a_duplicate_ends_its_proposal(name: str, space: SearchSpace) -> None:
    sampler = find("samplers", name)(space, space.window("1MMACs"), OBJECTIVES, 0)
    for trial in range(15):
        record = _judged(sampler.ask(trial), trial, "done")
        sampler.tell(Record(**{**vars(record), "origin": "duplicate"}))


@pytest.mark.parametrize("depth", ["1", "{choose: [1]}"])
def test_a_space_of_one_architecture_is_proposed_again_and_again(name: str, depth: str) -> None:
    single = SearchSpace(
        "version: 1\nname: single\ninput: {size: 8, channels: 1, classes: 2}\nstem: {patch: 4}\n"
        f"width: 8\ndepth: {depth}\nmixer: token_linear\nstages: {{count: 1}}\n"
    )
    sampler = find("samplers", name)(single, {}, OBJECTIVES, 0)
    for trial in range(14):
        proposal = sampler.ask(trial)
        assert proposal.sample.spec == single.spec(proposal.sample.answers)
        sampler.tell(_record(proposal, trial, 0.5))


def test_a_published_model_from_outside_the_space_is_no_trouble(name: str, space: SearchSpace) -> None:
    sampler = find("samplers", name)(space, space.window("1MMACs"), OBJECTIVES, 0)
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


@pytest.mark.parametrize("learner", sorted(set(names("samplers")) - {"random"}))
def test_proposes_nothing_twice(learner: str, space: SearchSpace) -> None:
    keys = _keys(_search_single(learner, space))
    assert len(set(keys)) == len(keys)


def _search_single(name: str, space: SearchSpace) -> list[Record]:
    sampler = find("samplers", name)(space, space.window("2MMACs"), {"top1": "maximize"}, 1)
    records = []
    for trial in range(60):
        records.append(_judged(sampler.ask(trial), trial, "done"))
        sampler.tell(records[-1])
    return records
