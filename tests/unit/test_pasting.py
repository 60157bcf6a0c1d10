"""Every command that is printed for pasting does in a shell what it says, whatever a run is called."""

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlpnas import report
from mlpnas.commands._models import find
from mlpnas.commands._progress import Lines
from mlpnas.errors import MlpnasError, RunError
from mlpnas.report.tables import export_command
from tests.support import fake_runs

NAME = "it's $(touch x) `y`; a run"


def printed(text: str) -> list[list[str]]:
    """Return the commands in a text, as a shell would split them."""
    return [shlex.split(part) for part in re.findall(r"mlpnas (?:search|export) [^\n]*", text)]


@pytest.fixture
def view(monkeypatch: pytest.MonkeyPatch) -> Lines:
    lines, told = Lines(), []
    monkeypatch.setattr(lines, "write", told.append)
    lines.state.run = NAME
    lines.state.best = {"trial": 1}
    lines.told = told  # type: ignore[attr-defined]
    return lines


@pytest.mark.parametrize(
    ("tell", "command"),
    [
        (lambda view: view.interrupted(), ["mlpnas", "search", "--resume", "--run", NAME]),
        (
            lambda view: view.reported(Path("r.html")),
            ["mlpnas", "export", NAME, "--pick", "best", "--to", "model"],
        ),
    ],
    ids=["stopped", "reported"],
)
def test_a_search_prints_commands_for_a_shell(view: Any, tell: Callable[[Lines], None], command: list[str]) -> None:
    tell(view)
    assert printed("\n".join(view.told)) == [command]


def test_a_report_prints_commands_for_a_shell(tmp_path: Path) -> None:
    run = fake_runs.quick(tmp_path / NAME, trials=3)
    command = shlex.split(export_command(run, "best"))
    assert command == ["mlpnas", "export", str(run.path), "--pick", "best", "--to", f"{NAME}-best"]
    repeated = replace(run.manifest, command=shlex.join(["mlpnas", "search", "--run", NAME]))
    assert shlex.split(repeated.command)[-1] == NAME


def test_an_unwritable_report_names_its_shell_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = fake_runs.quick(tmp_path / NAME, trials=3)
    (run.path / "report.html").mkdir()
    monkeypatch.setattr(report, "page", lambda run: "")
    command = f"`mlpnas report {shlex.quote(str(run.path))} --output FILE` writes it elsewhere"
    with pytest.raises(RunError, match=re.escape(command)):
        report.write_report(run)


def test_a_trial_of_a_run_is_written_for_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_runs.quick(tmp_path / "a run", trials=3)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MlpnasError, match="write 'a run:best', 'a run:TRIAL' with its number, or 'a run:front'"):
        find("a run")
