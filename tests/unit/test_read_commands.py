"""mlpnas runs, front, report, export: what they print, and one clear error for what cannot be done."""

import csv
import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from safetensors.torch import save_file

import mlpnas
from mlpnas.cli import main
from mlpnas.commands._table import plain, print_table
from mlpnas.exporters import fresh
from mlpnas.run import Run
from mlpnas.spec import ArchSpec
from tests.support import fake_runs

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    run = fake_runs.quick(folder / "quick")
    fake_runs.write(folder / "empty", manifest=replace(fake_runs.QUICK, created="2025-03-05T00:00:00+00:00"))
    (folder / "broken").mkdir()
    (folder / "broken" / "run.json").write_text("{")
    (folder / "README.md").write_text("no run")
    best = run.best()
    (folder / "quick" / "weights").mkdir()
    kept = replace(best, weights="weights/best.safetensors", trial=24)
    run.store.append(replace(kept, values={**best.values, "top1": best.values["top1"] + 0.001}))
    weights = fresh(run.spec(best), 5).state_dict()
    save_file(weights, folder / "quick" / "weights" / "best.safetensors", {"spec": best.spec})
    return folder


@pytest.fixture
def cli(runs: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Cli:
    """Runs one command line in this process: (exit code, stdout, stderr)."""
    monkeypatch.setenv("MLPNAS_RUNS", str(runs))

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mlpnas", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsysbinary.readouterr()
        return int(stop.value.code or 0), captured.out.decode("utf-8", "replace"), captured.err.decode()

    return call


def error(result: tuple[int, str, str]) -> str:
    code, out, err = result
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert "Traceback" not in err
    return err


def test_runs_newest_first(cli: Cli, runs: Path) -> None:
    code, out, _ = cli("runs")
    head, first, second, third = out.splitlines()
    assert code == 0
    assert head.split() == ["name", "date", "space", "data", "trials", "failed", "best", "hypervolume"]
    assert first.split() == ["empty", "2025-03-05", "00:00", "quick", "mnist5k", "0", "0"]
    run = Run(runs / "quick")
    assert second.split()[:7] == ["quick", "2025-03-04", "09:12", "quick", "mnist5k", "24", "3"]
    assert second.endswith(f"{run.hypervolume():.3f}")
    assert "run.json: not a run's manifest" in third


def test_runs_for_machines(cli: Cli, runs: Path) -> None:
    _, out, _ = cli("runs", "--json")
    empty, quick, broken = json.loads(out)
    best = Run(runs / "quick").best()
    assert (empty["trials"], empty["best"], empty["hypervolume"]) == (0, None, 0)
    assert quick["data"] == "mnist5k"
    assert quick["best"] == {"trial": 24, **best.values}
    assert "not a run's manifest" in broken["error"]


def test_no_runs_at_all(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLPNAS_RUNS", str(tmp_path / "none"))
    assert cli("runs") == (0, f"no runs in {tmp_path}/none; `mlpnas search` makes one\n", "")
    assert cli("runs", "--json")[1] == "[]\n"


def test_front_as_a_table(cli: Cli, runs: Path) -> None:
    _, out, _ = cli("front", "quick")
    head, *lines = out.splitlines()
    assert head.split() == ["trial", "top-1", "MACs", "params", "architecture"]
    assert [int(line.split()[0]) for line in lines] == [record.trial for record in Run(runs / "quick").front()]


def test_front_for_machines(cli: Cli, runs: Path) -> None:
    rows = json.loads(cli("front", "quick", "--format", "json")[1])
    front = Run(runs / "quick").front()
    assert [row["trial"] for row in rows] == [record.trial for record in front]
    for row, record in zip(rows, front, strict=True):
        assert {"trial", "key", "status", "top1", "macs", "params", "spec"} <= row.keys()
        assert ArchSpec.from_json(row["spec"]).key == row["key"] == record.key
        assert row["top1"] == record.values["top1"]
        assert isinstance(row["macs"], int)
        assert row["macs"] == record.values["macs"]


def test_front_says_the_same_in_every_form(cli: Cli, tmp_path: Path) -> None:
    rows = json.loads(cli("front", "quick", "--format", "json")[1])
    for row in rows:
        row["spec"] = ArchSpec.from_json(row["spec"]).dumps()
    told = list(csv.DictReader(io.StringIO(cli("front", "quick", "--format", "csv")[1])))
    assert [{name: str(value) for name, value in row.items()} for row in rows] == told
    file = tmp_path / "front.parquet"
    assert cli("front", "quick", "--format", "parquet", "--output", str(file)) == (0, "", "")
    assert pq.read_table(file).to_pylist() == rows


def test_front_into_a_file_is_what_is_printed(cli: Cli, tmp_path: Path) -> None:
    for form in ("table", "csv", "json"):
        printed = cli("front", "quick", "--format", form)[1]
        cli("front", "quick", "--format", form, "--output", str(tmp_path / form))
        assert (tmp_path / form).read_text() == printed


def test_an_empty_front(cli: Cli) -> None:
    assert cli("front", "empty") == (0, "No trial yet: 0 trials, 0s\n", "")
    assert json.loads(cli("front", "empty", "--format", "json")[1]) == []
    assert cli("front", "empty", "--format", "csv")[1] == '"trial","key","status","top1","macs","params","spec"\n'


def test_parquet_is_kept_from_a_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert "add --output FILE" in error(cli("front", "quick", "--format", "parquet"))


def test_front_cannot_write_there(cli: Cli, tmp_path: Path) -> None:
    assert "No such file or directory" in error(cli("front", "quick", "--output", str(tmp_path / "no" / "where")))


@pytest.mark.parametrize(
    "command", [("front", "none"), ("report", "none"), ("export", "none", "--to", "model"), ("front", "/dev/null")]
)
def test_no_such_run(cli: Cli, command: tuple[str, ...]) -> None:
    error(cli(*command))
    assert not Path("model").exists()


def test_broken_run(cli: Cli) -> None:
    assert "run.json: not a run's manifest" in error(cli("report", "broken"))


def test_report_says_where_it_is(cli: Cli, runs: Path) -> None:
    (runs / "quick" / "report.html").unlink(missing_ok=True)
    assert cli("report", "quick") == (0, f"{runs}/quick/report.html\n", "")
    assert "<!doctype html>" in (runs / "quick" / "report.html").read_text()


def test_report_opens_the_page(cli: Cli, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    cli("report", "quick", "--open")
    assert opened == [(runs / "quick" / "report.html").as_uri()]


def test_export_of_the_best_with_its_weights(cli: Cli, runs: Path, tmp_path: Path) -> None:
    code, out, _ = cli("export", "quick", "--to", str(tmp_path / "model"))
    assert code == 0
    files = "spec.json, model.safetensors, README.md"
    assert out == f"trial 24 -> {tmp_path}/model: {files}\nweights: trained in the search\n"
    network = mlpnas.load(tmp_path / "model")
    wanted = fresh(Run(runs / "quick").spec(Run(runs / "quick").best()), 5).state_dict()
    assert all((value == wanted[name]).all() for name, value in network.state_dict().items())
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_export_of_another_trial_says_that_it_is_untrained(cli: Cli, runs: Path, tmp_path: Path) -> None:
    out = cli("export", "quick", "--pick", "0", "--to", str(tmp_path / "new" / "model"), "--json")[1]
    told = json.loads(out)
    assert told["trial"] == 0
    assert told["trained"] is False
    assert told["weights"].startswith("fresh from seed 0")
    assert told["files"] == ["spec.json", "model.safetensors", "README.md"]
    assert told["key"] == Run(runs / "quick").records[0].key
    assert "**Train it before use.**" in (tmp_path / "new" / "model" / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--pick", "99"), "no trial '99'; write best, knee or a trial number"),
        (("--pick", "5"), "trial 5 has not finished (out_of_memory)"),
        (("--pick", "0", "--proxy"), "trained weights of trial 0 were not kept"),
        (("--format", "onxx"), "no exporter is called 'onxx' - did you mean onnx?"),
    ],
)
def test_export_refuses_and_writes_nothing(cli: Cli, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in error(cli("export", "quick", "--to", str(tmp_path / "model"), *arguments))
    assert list(tmp_path.iterdir()) == []


def test_export_keeps_existing_files(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text("mine")
    (tmp_path / "notes").write_text("mine")
    assert "is not empty; name another folder, or add --force" in error(cli("export", "quick", "--to", str(tmp_path)))
    assert (tmp_path / "spec.json").read_text() == "mine"
    assert cli("export", "quick", "--to", str(tmp_path), "--force")[0] == 0
    assert (tmp_path / "spec.json").read_text() != "mine"
    assert (tmp_path / "notes").read_text() == "mine"


def test_export_into_a_file_or_below_one(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    assert "is a file; name a folder" in error(cli("export", "quick", "--to", str(file)))
    assert "cannot be written" in error(cli("export", "quick", "--to", str(file / "model")))


def test_a_failing_form_leaves_nothing(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpnas.exporters.onnx.find_spec", lambda name: None)
    assert "pip install 'mlpnas[export]'" in error(
        cli("export", "quick", "--to", str(tmp_path / "m"), "--format", "all")
    )
    assert list(tmp_path.iterdir()) == []


def test_plain_tables_are_aligned_and_never_wrapped() -> None:
    long = "a" * 200
    head, first, second = plain(["name", "n"], [[long, "1"], ["b\nb", "100"]], right={"n"}).splitlines()
    assert (head, first, second) == (f"{'name':200}    n", f"{long}    1", f"{'b b':200}  100")


def test_a_terminal_gets_no_markup_of_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_table(["name"], [["[red]run[/red]"]])
    assert "[red]run[/red]" in capsys.readouterr().out
