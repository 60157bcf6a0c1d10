"""Every objective is shown by what its one file says: on the progress line, on the front, in the report, as a curve."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from mlpnas import plugins
from mlpnas.cli import main
from mlpnas.commands._progress import Lines
from mlpnas.objectives import describe
from mlpnas.plugins import names
from mlpnas.report import front_chart, tables, wording
from mlpnas.run import Run
from mlpnas.space import SearchSpace
from mlpnas.training.recipe import Recipe
from tests.support import fake_runs, report_page
from tests.support.manifests import with_fields

SPACE = """
version: 1
name: small
input: {size: 8}
stem: {patch: 2}
width: {choose: [16, 24]}
stages: {count: 1, each: {depth: {choose: [1, 2]}, mixer: {choose: [token_linear]}}}
"""
GUIDE = (Path(__file__).parents[2] / "docs" / "add-a-metric.md").read_text(encoding="utf-8")
TOP2 = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)[0]


@pytest.fixture(scope="module", params=names("objectives"))
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of one trial that has optimised one objective, and the cost that another file says."""
    name: str = request.param
    other = "params" if name == "macs" else "macs"
    objectives = {name: describe(name).direction, other: "minimize"}
    manifest = with_fields(fake_runs.QUICK, objectives=objectives, reference={})
    spec = fake_runs.small(fake_runs.Random(0))
    record = fake_runs.record(0, spec, 0.25)
    record = replace(record, values={name: 0.25} | dict(record.values))
    return fake_runs.write(tmp_path_factory.mktemp(name), [record], manifest=manifest)


def test_an_objective_is_shown_by_what_it_says(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    (record,), (name, _) = run.front(), run.manifest.decided.objectives
    about, value = describe(name), record.values[name]
    view = Lines()
    view.state.objectives = run.manifest.decided.objectives
    assert about.format.text(value, about.label) in view.state.describe({"trial": 0, **record.values})
    assert wording.answer(run).startswith(f"Best: trial 0, {wording.text(name, value)}")
    assert tables.headings(run)[0] == about.label
    assert tables.front_lines(run)[0].cells[0] == about.format.cell(value)
    chart = front_chart.front_chart(run, [])
    assert chart is not None
    assert about.label in {axis.title.text.partition(" (")[0] for axis in (chart.layout.xaxis, chart.layout.yaxis)}


@pytest.fixture
def top2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A metric of another package: one file, and its entry point."""
    (tmp_path / "top2.py").write_text(TOP2)
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("top2", "top2:Top2", "mlpnas.objectives")
    monkeypatch.setattr(plugins, "_outside", lambda kind: {"top2": point} if kind == "objectives" else {})
    caches = (plugins.names, plugins.find, describe)
    for cached in caches:
        cached.cache_clear()
    yield "top2"
    monkeypatch.undo()
    for cached in caches:
        cached.cache_clear()


def test_a_new_trained_metric_is_one_file(
    top2: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlpnas.engine.search import search

    view = Lines()
    recipe = Recipe(epochs=2, samples=100, warmup_epochs=0)
    asked = {"data": "digits", "recipe": recipe, "trials": 2, "backend": "local", "objectives": (top2, "macs")}
    run = search(SearchSpace(SPACE), run=tmp_path / "run", listener=view, **asked)
    told = capsys.readouterr().out
    best = run.best()
    assert run.manifest.decided.objectives[top2] == "maximize"
    # in the store, with the curve
    assert {"top2", "val_loss", "top1"} <= {*run.epochs().column_names}
    assert top2 in run.trials().column_names
    curve = [row.values["top2"] for row in run.store.curves()[best.trial]]
    assert curve[-1] == best.values[top2] >= best.values["top1"]
    # on the progress line, on the front
    assert f"best: trial {best.trial}, {100 * curve[-1]:.1f} % top-2, " in told
    monkeypatch.setattr(sys, "argv", ["mlpnas", "front", str(run.path)])
    with pytest.raises(SystemExit):
        main()
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split()[:2] == ["trial", "top-2"]
    assert any(f"{100 * curve[-1]:.1f} %" in row for row in rows)
    # in the report: the answer, the axis of the front, the curve
    page = report_page.read(run)
    assert f"{100 * curve[-1]:.1f} % top-2 on digits val" in page.text
    assert " validation images, top-2 is known to ± " in page.text
    assert page.figures["front"]["layout"]["yaxis"]["title"]["text"] == "top-2"
    assert page.figures["curves"]["layout"]["yaxis"]["title"]["text"] == "top-2 on val"
    assert report_page.traces(page, "curves")[f"trial {best.trial}"]["y"] == pytest.approx(curve)
    assert [file.name for file in tmp_path.glob("*.py")] == ["top2.py"]
