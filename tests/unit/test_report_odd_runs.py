"""Empty, unusual and hostile runs give a sensible page."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlpnas.record import Record
from mlpnas.report import wording, write_report
from mlpnas.run import Run
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from tests.support import fake_runs
from tests.support.fake_runs import QUICK, write
from tests.support.manifests import manifest, with_fields
from tests.support.report_page import points, read, traces

EVIL = "<script>alert('x')</script>\u2028\"'&{{ 7*7 }}"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fake_runs.quick(tmp_path_factory.mktemp("runs") / "quick-mnist5k")


def without(run: Run, name: str) -> list[Record]:
    return [replace(r, values={key: v for key, v in r.values.items() if key != name}) for r in run.records]


def test_no_trial(tmp_path: Path) -> None:
    page = read(write(tmp_path))
    assert "No trial yet 0 trials, 0s" in page.text
    assert page.figures == {}
    assert QUICK.command in page.text


def test_a_bare_manifest(tmp_path: Path) -> None:
    assert "No trial yet" in read(write(tmp_path, manifest=manifest("x", objectives={"top1": "maximize"}))).text


def test_only_failures(tmp_path: Path, run: Run) -> None:
    page = read(write(tmp_path, [run.records[n] for n in (5, 9, 16)]))
    assert "No trial has finished 3 trials, 3 failed" in page.text
    assert "The reasons are listed below" in page.text
    assert "CUDA out of memory" in page.text
    assert page.figures == {}


def test_one_trial(tmp_path: Path, run: Run) -> None:
    page = read(write(tmp_path, run.records[:1]))
    assert "1 trial, 14s" in page.text
    assert "The one network on the front" in page.text
    assert page.figures.keys() == {"front", "curves"}


def test_one_objective(tmp_path: Path, run: Run) -> None:
    manifest = with_fields(QUICK, objectives={"top1": "maximize"}, reference={"top1": 0.0})
    page = read(write(tmp_path, run.records, manifest))
    assert "Best: trial" in page.text
    drawn = traces(page, "front")["front"]
    assert [y for _, y in points(drawn)] == sorted(y for _, y in points(drawn))  # over MACs all the same


def test_three_objectives(tmp_path: Path, run: Run) -> None:
    records = [
        replace(r, values={**r.values, "latency": (7 * r.trial % 24 + 1) * 1e-3}) if r.is_done else r
        for r in run.records
    ]
    objectives = {"top1": "maximize", "macs": "minimize", "latency": "minimize"}
    three = write(tmp_path, records, with_fields(QUICK, objectives=objectives, reference={"top1": 0.0, "macs": 3e6}))
    page = read(three)
    assert len(three.front()) > len(points(traces(page, "front")["front"]))
    assert "hypervolume" not in page.figures  # no reference for the latency
    assert f"{wording.cell('latency', three.best().values['latency'])}, " in page.text


def test_other_costs_take_the_axis(tmp_path: Path, run: Run) -> None:
    manifest = with_fields(QUICK, objectives={"loss": "minimize", "params": "minimize"}, limits={}, reference={})
    page = read(write(tmp_path, run.records, manifest))
    assert "loss over params" in page.text
    steps = points(traces(page, "front")["front"])
    assert [x for x, _ in steps] == sorted(x for x, _ in steps)
    assert [y for _, y in steps] == sorted((y for _, y in steps), reverse=True)


def test_no_costs_at_all(tmp_path: Path, run: Run) -> None:
    manifest = with_fields(QUICK, objectives={"top1": "maximize"}, limits={})
    page = read(write(tmp_path, without(run, "macs"), manifest))
    assert "front" not in page.figures
    assert "best_so_far" in page.figures


def test_no_curves(tmp_path: Path, run: Run) -> None:
    assert "curves" not in read(write(tmp_path, run.records, curves=False)).figures


@pytest.mark.parametrize("finished", [True, False])
def test_hostile_names_stay_text(tmp_path: Path, run: Run, finished: bool) -> None:
    spec = ArchSpec((Stage(16, 1, Layer.of("axial_shift", shift_size=EVIL)),), Stem(7), 28, 1, 10)
    status = "done" if finished else "failed"
    records = [replace(run.records[0], spec=spec.dumps(), error=EVIL, status=status, device=EVIL)]
    texts = dict.fromkeys(("name", "created", "command", "space", "space_text", "backend", "address"), EVIL)
    mappings = {name: {EVIL: EVIL} for name in ("versions", "machine", "recipe")}
    manifest = with_fields(
        QUICK, **texts, **mappings, notes=(EVIL,), data={"source": EVIL}, data_facts={"images": [EVIL], "name": EVIL}
    )
    page = read(write(tmp_path, records, manifest))
    assert len(page.named("script")) == (4 if finished else 1)
    assert page.text.count("<script>alert('x')</script>") >= 10
    assert "49" not in page.text.split("trial")[0]


def test_hostile_mixers_stay_text_in_the_charts(tmp_path: Path, run: Run) -> None:
    spec = ArchSpec((Stage(16, 1, Layer(EVIL)), Stage(16, 1, Layer("gmlp"))), Stem(7), 28, 1, 10)
    page = read(write(tmp_path, [replace(run.records[0], spec=spec.dumps())]))
    words = json.dumps(page.figures)
    assert "&lt;script&gt;" in words
    assert "<script" not in words


def test_writing_again_replaces_it(tmp_path: Path, run: Run) -> None:
    first = write_report(write(tmp_path, run.records[:1])).read_text()
    assert write_report(write(tmp_path, run.records[1:2])).read_text() != first
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["report.html", "run.json"]
