"""mlpnas audit and the report's section, on runs made up in a moment."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from mlpnas.cli import application
from mlpnas.errors import RunError, UnknownName
from mlpnas.report.audit import HEADINGS, audit_run, explain
from mlpnas.run import Run
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.training.recipe import Recipe
from tests.support import fake_runs
from tests.support.manifests import with_fields
from tests.support.report_page import read

DIGITS = {"source": "digits", "path": "", "seed": 0}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Scores that know the accuracy, the cost and nothing."""
    rng, records = Random(3), []
    for trial in range(40):
        spec = fake_runs.affordable(rng, fake_runs.BUDGET)
        record = fake_runs.record(trial, spec, fake_runs.accuracy(spec, rng))
        values = dict(record.values)
        scores = {"naswot": values["top1"] + rng.gauss(0, 0.003), "synflow": values["macs"] ** 0.5, "zen": rng.random()}
        records.append(replace(record, values=values | scores))
    return fake_runs.write(tmp_path_factory.mktemp("runs") / "scored", records)


def _said(*arguments: str) -> str:
    done = CliRunner().invoke(application(), ["audit", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_prints_the_table_and_what_follows(run: Run) -> None:
    heading, *lines, told = _said(str(run.path)).splitlines()
    assert heading.split() == " ".join(HEADINGS).split()
    verdicts = {line.split()[0]: line for line in lines}
    assert list(verdicts) == ["MACs", "params", "naswot", "synflow", "zen"]
    assert verdicts["MACs"].endswith("the baseline")
    assert verdicts["naswot"].endswith("better than MACs")
    assert verdicts["synflow"].endswith("equals MACs")
    assert verdicts["zen"].endswith("useless")
    assert told.startswith("Usable: naswot. Switched off: synflow (not shown to rank networks of equal cost better")


def test_json(run: Run) -> None:
    found = json.loads(_said(str(run.path), "--json"))
    assert [item["name"] for item in found] == ["macs", "params", "naswot", "synflow", "zen"]
    assert found[0].keys() == {"name", "trials", "overall", "within", "verdict"}
    assert found[2]["within"].keys() == {"value", "low", "high"}


def test_the_report_says_so(run: Run) -> None:
    page = read(run)
    assert "What the zero-cost scores were worth" in page.text
    assert explain(audit_run(run, run.done())) in page.text


def test_a_run_without_scores(tmp_path: Path) -> None:
    run = fake_runs.quick(tmp_path / "plain")
    assert "zero-cost" not in read(run).text
    with pytest.raises(RunError, match="--add all takes them now"):
        CliRunner().invoke(application(), ["audit", str(run.path)], catch_exceptions=False)


def test_scores_are_taken_afterwards_and_not_written(tmp_path: Path) -> None:
    specs = [ArchSpec((Stage(16 * width, 1, Layer("gmlp"), 0),), Stem(4), 8, 1, 10) for width in (1, 2, 3)]
    recipe = Recipe(epochs=1, warmup_epochs=0)
    records = [
        fake_runs.record(trial, spec, 0.5 + trial / 10, recipe=recipe.dumps()) for trial, spec in enumerate(specs)
    ]
    run = fake_runs.write(tmp_path / "run", records, with_fields(fake_runs.QUICK, data=DIGITS, recipe=recipe.to_json()))
    found = json.loads(_said(str(run.path), "--add", "snip,zen", "--json"))
    assert [(item["name"], item["trials"]) for item in found[2:]] == [("snip", 3), ("zen", 3)]
    assert {item["verdict"] for item in found} == {"too few trials"}
    assert not {"snip", "zen"} & {name for record in Run(run.path).records for name in record.values}


def test_names_that_are_no_scores(run: Run) -> None:
    with pytest.raises(UnknownName, match="no score is called 'swip' - did you mean snip"):
        CliRunner().invoke(application(), ["audit", str(run.path), "--add", "swip"], catch_exceptions=False)
