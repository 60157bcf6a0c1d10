"""Samplers on a complete table with conditional questions: what they find, and what disturbs them."""

from collections.abc import Mapping

import numpy as np
import pytest

from mlpnas.plugins import find
from mlpnas.record import Record
from mlpnas.samplers import RunStudy, make_sampler
from mlpnas.samplers._archive import Archive
from mlpnas.samplers.evolution import rank
from mlpnas.samplers.known_cost.model import Model

BETTER = ["known_cost", "evolution", "local", "tpe", "nsga2"]


def _search(table, name: str, trials: int, objectives: Mapping[str, str], judge=None) -> list[Record]:  # type: ignore[no-untyped-def]
    window = {"macs": (0.0, 8e6)}
    sampler = RunStudy(make_sampler(name, table, window, objectives, 0))
    records = []
    for trial in range(trials):
        sample = sampler.ask(trial).sample
        assert 0 < sample.costs["macs"] <= 8e6
        top1 = float(table.values[sample.row])
        values = {"top1": top1, "loss": 1 - top1, "latency": sample.costs["macs"] * 1e-9 + 0.01, **sample.costs}
        record = Record(trial, str(sample.row), "", sample.answers, "done", values=values, epochs=1)
        records.append(judge(record) if judge else record)
        sampler.tell(records[-1])
    return records


def _best(table) -> float:  # type: ignore[no-untyped-def]
    return float(table.values[table.costs <= 8e6].max())


def test_known_cost_finds_the_best_with_conditional_questions(table) -> None:  # type: ignore[no-untyped-def]
    records = _search(table, "known_cost", 60, {"top1": "maximize"})
    assert max(record.values["top1"] for record in records) > _best(table) - 0.005


@pytest.mark.parametrize("name", BETTER)
def test_better_than_random_and_never_twice(table, name: str) -> None:  # type: ignore[no-untyped-def]
    objectives = {"top1": "maximize"}
    mine, random = _search(table, name, 60, objectives), _search(table, "random", 60, objectives)
    late = [np.mean([record.values["top1"] for record in records[30:]]) for records in (mine, random)]
    assert late[0] > late[1] + (0.0 if name == "nsga2" else 0.05)  # whose generations have 20 members
    assert len({record.key for record in mine}) == 60


@pytest.mark.parametrize(
    "objectives",
    [
        {"loss": "minimize"},
        {"top1": "maximize", "macs": "minimize"},
        {"macs": "minimize", "top1": "maximize"},
        {"top1": "maximize", "latency": "minimize"},
        {"top1": "maximize", "latency": "minimize", "macs": "minimize"},
        {"macs": "minimize"},
    ],
    ids=lambda objectives: "+".join(objectives),
)
def test_known_cost_takes_any_objectives(table, objectives: dict[str, str]) -> None:  # type: ignore[no-untyped-def]
    records = _search(table, "known_cost", 35, objectives)
    late = [record.values["top1"] for record in records[15:]]
    if "macs" not in objectives and "latency" not in objectives:
        assert np.mean(late) > 0.6
    assert len({record.key for record in records}) == 35


def test_known_cost_learns_what_fails(table) -> None:  # type: ignore[no-untyped-def]
    def judge(record: Record) -> Record:
        if record.answers["mixer"] == "heads":
            return Record(**{**vars(record), "status": "diverged", "values": {"macs": record.values["macs"]}})
        return record

    records = _search(table, "known_cost", 50, {"top1": "maximize"}, judge)
    assert sum(record.status == "diverged" for record in records[12:35]) < 4


def test_known_cost_goes_on_where_nothing_can_be_learned(table) -> None:  # type: ignore[no-untyped-def]
    failed = lambda record: Record(**{**vars(record), "status": "failed", "values": {}})  # noqa: E731
    assert len({r.key for r in _search(table, "known_cost", 25, {"top1": "maximize"}, failed)}) == 25
    same = lambda record: Record(**{**vars(record), "values": {**record.values, "top1": 0.5}})  # noqa: E731
    assert len({r.key for r in _search(table, "known_cost", 25, {"top1": "maximize"}, same)}) == 25


@pytest.mark.parametrize(("status", "draws"), [("done", 10), ("stopped", 20)])
def test_known_cost_samples_more_if_trials_stop_early(table, status: str, draws: int, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    modelled, kind = [], find("samplers", "known_cost")
    best = kind._best
    monkeypatch.setattr(kind, "_best", lambda self, trial, rng: modelled.append(trial) or best(self, trial, rng))
    stopped = lambda record: Record(**{**vars(record), "status": status})  # noqa: E731
    _search(table, "known_cost", 25, {"top1": "maximize"}, stopped)
    assert modelled == list(range(draws, 25))


def _rising(table) -> Archive:  # type: ignore[no-untyped-def]
    """Ten results of rising cost, 0 to 9, all on the front."""
    archive = Archive(table, {}, {"top1": "maximize", "macs": "minimize"})
    for trial, row in enumerate(np.argsort(table.costs, kind="stable")[::150][:10]):
        sample = table.at(row)
        archive.tell(Record(trial, "", "", sample.answers, "done", values={"top1": float(trial), **sample.costs}))
    return archive


def test_of_ten_samples_nearly_the_lowest_is_bad(table) -> None:  # type: ignore[no-untyped-def]
    archive = _rising(table)
    model = Model(archive, "top1", "macs", scale_from=10, clip_quantile=0.75)
    model.update(np.arange(10), archive.running(0))
    assert model.worst == pytest.approx((0.1 - 4.5) / np.arange(10).std())


@pytest.mark.parametrize(("far", "apart"), [(1.0, 10), (0.75, 8), (0.5, 6)])
def test_results_far_behind_the_best_are_not_told_apart(table, far: float, apart: int) -> None:  # type: ignore[no-untyped-def]
    archive = _rising(table)
    model = Model(archive, "top1", "macs", scale_from=None, clip_quantile=far)
    model.update(np.arange(10), archive.running(0))
    assert len(np.unique(model.values)) == apart
    assert model.values.argmax() == 9


def test_a_candidate_that_one_view_believes_in_is_proposed(table, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    sampler = make_sampler("known_cost", table, {}, {"top1": "maximize"}, 0)
    few, much, nothing = (np.array(gain) for gain in ([2e-6, 1e-6, 1e-6, 0], [90.0, 90.0, 90.0, 730.0], np.zeros(4)))
    monkeypatch.setattr(sampler, "_gain", lambda view, wish, candidates: view)
    votes = lambda *gains: sampler._votes(gains, None, None).tolist()  # noqa: E731
    assert votes(few, much) == pytest.approx([0.59, 0.34, 0.34, 0.73])
    assert votes(few, nothing) == pytest.approx([0.5, 0.25, 0.25, 0])


def test_running_trials_are_not_proposed_again(table) -> None:  # type: ignore[no-untyped-def]
    sampler = RunStudy(make_sampler("known_cost", table, {}, {"top1": "maximize", "macs": "minimize"}, 0))
    records = []
    for trial in range(12):
        sample = sampler.ask(trial).sample
        values = {"top1": float(table.values[sample.row]), **sample.costs}
        sampler.tell(Record(trial, "", "", sample.answers, "done", values=values))
    for trial in range(12, 28):
        records.append(sampler.ask(trial).sample.row)
    assert len(set(records)) == 16


def test_a_small_window_is_searched_through(table) -> None:  # type: ignore[no-untyped-def]
    window = {"macs": (0.0, float(np.sort(table.costs)[29]))}
    count = int((table.costs <= window["macs"][1]).sum())
    for name in BETTER:
        sampler = RunStudy(make_sampler(name, table, window, {"top1": "maximize"}, 0))
        rows = set()
        for trial in range(count + 10):
            sample = sampler.ask(trial).sample
            rows.add(sample.row)
            values = {"top1": float(table.values[sample.row]), **sample.costs}
            sampler.tell(Record(trial, "", "", sample.answers, "done", values=values))
        assert len(rows) > 0.9 * count, name


def test_stratified_samples_are_spread_over_cost(table) -> None:  # type: ignore[no-untyped-def]
    records = _search(table, "random:stratify=true", 200, {"top1": "maximize", "macs": "minimize"})
    plain = _search(table, "random", 200, {"top1": "maximize", "macs": "minimize"})
    edges = np.geomspace(table.costs.min(), 8e6, 6)
    counts = [np.histogram([r.values["macs"] for r in rows], edges)[0] for rows in (records, plain)]
    assert counts[0].min() >= 30 > counts[1].min()


def test_ranks_by_front_then_by_loneliness() -> None:
    scores = np.array([[0.0, 0.0], [1.0, 0.5], [0.5, 1.0], [0.9, 0.6], [0.2, 0.2]])
    order = rank(scores).tolist()
    assert set(order[:2]) == {1, 2}
    assert order[2:] == [3, 4, 0]
