"""The output of commands on narrow, colourless and ASCII terminals, and of foreign names."""

import ast
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import mlpnas.commands
from mlpnas.commands._terminal import fit_streams, say
from tests.support import fake_runs
from tests.support.manifests import with_fields
from tests.support.terminals import Terminal

ASCII = {"PYTHONIOENCODING": "ascii"}
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m[/red]\u202e\r"

LIVE = """
import sys
from mlpnas.commands._view import progress
from mlpnas.cli import main
from mlpnas.commands._terminal import fit_streams
fit_streams()
hostile = "\\x1b]0;owned\\x07[/red]\\u202e"
begin = {"event": "begin", "space": "quick" + hostile, "data": hostile, "trials": 4, "workers": 2,
         "run": "runs/" + hostile, "notes": [hostile + " \\u00b7 note"],
         "objectives": {"top1": "maximize"}, "recipe": {"epochs": 3}, "done": []}
trial = {"trial": 0, "key": "k", "origin": hostile, "mixers": ["axial_shift", hostile], "epochs": 3, "macs": 1.2e9,
         "params": 3.4e6, "status": "done", "seconds": 2.0, "error": "", "top1": 0.5}
with progress(False) as view:
    view(begin)
    for number in range(3):
        view(trial | {"event": "start", "trial": number})
    view(trial | {"event": "epoch", "trial": 1, "epoch": 1})
    view(trial | {"event": "trial"})
    error = "latency 3 ms is above 2 ms" + hostile
    view(trial | {"event": "trial", "trial": 1, "status": "over_budget", "error": error})
    view({"event": "note", "text": hostile})
    view({"event": "end", "trials": 2, "failed": 1, "seconds": 3.0, "front_size": 1, "best": trial})
print("the end")
"""
OURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # of rich: colours and the cursor


def live(folder: Path, width: int = 80, **environment: str) -> str:
    terminal = Terminal(folder, "-c", LIVE, size=(24, width), **environment)
    assert terminal.end() == 0, terminal.shown
    assert "the end" in terminal.shown, terminal.shown
    return terminal.shown


@pytest.mark.parametrize(
    "environment",
    [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}, ASCII, {"TERM": "dumb", **ASCII}, {"LC_ALL": "C"}],
    ids=lambda environment: " ".join(environment) or "plain",
)
def test_progress_is_readable_on_every_terminal_and_obeys_nobody(tmp_path: Path, environment: dict[str, str]) -> None:
    shown = live(tmp_path, width=40, **environment)
    assert "owned" in shown
    assert not re.search("\x1b\\]|\x07|\x9b|\u202e", shown)
    if "TERM" in environment:
        assert "\x1b" not in shown
        assert "over budget: latency 3 ms is above 2 ms" in shown
    if "NO_COLOR" in environment:
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", shown)
    if {"PYTHONIOENCODING", "LC_ALL"} & environment.keys():
        assert shown.isascii()
    if environment.get("TERM") != "dumb":
        lines = OURS.sub("", shown).split("\n")
        assert any(re.search(r"1  over budget +50.0 % +1.2 G\s*$", line) for line in lines)
        assert any("2 of 4 trials; 0s, about 2s left" in line for line in lines)


COMMANDS = """
import os, sys
from mlpnas.cli import main
lines = sys.argv[1:]
for os.environ["COLUMNS"] in ("40", "100"):
    for line in lines:
        sys.argv = ["mlpnas", *line.split()]
        try:
            main()
        except SystemExit as end:
            print(f"({line}: {end.code or 0})")
"""


@pytest.fixture(scope="module")
def hostile_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that came from somebody: every text in it that a command may show tries to take over the terminal."""
    folder = tmp_path_factory.mktemp("runs")
    run = fake_runs.quick(folder / "made", trials=12)
    records = [replace(r, error=HOSTILE, answers={"width" + HOSTILE: HOSTILE}) for r in run.records]
    facts = fake_runs.QUICK.found.data | {"name": "data" + HOSTILE}
    manifest = with_fields(
        fake_runs.QUICK, name="run" + HOSTILE, space="space" + HOSTILE, data_facts=facts, created="2025" + HOSTILE
    )
    fake_runs.write(folder / "hostile", records, manifest, curves=False)
    return folder


def test_a_run_from_elsewhere_cannot_write_to_the_terminal(hostile_runs: Path, tmp_path: Path) -> None:
    good = ["runs", "front hostile", "show hostile:0", "compare hostile:front"]
    bad = ["compare hostile --by width", "front x"]
    terminal = Terminal(tmp_path, "-c", COMMANDS, *good, *bad, MLPNAS_RUNS=str(hostile_runs), **ASCII)
    assert terminal.end() == 0, terminal.shown
    assert [terminal.shown.count(f"({line}: 0)") for line in good] == [2] * len(good), terminal.shown
    assert [terminal.shown.count(f"({line}: 2)") for line in bad] == [2] * len(bad), terminal.shown
    seen = terminal.shown.replace("\r\n", "\n")
    assert r"space\x1b]0;owned" in "".join(OURS.sub("", seen).split())
    assert not re.search("\x1b\\]|\x07|\x9b|\u202e|\x1b\\[2J|\r|Traceback", seen)
    assert seen.isascii()


def test_cells_are_not_broken_up_on_a_narrow_terminal(tmp_path: Path) -> None:
    fake_runs.quick(tmp_path / "quick", trials=6)
    terminal = Terminal(tmp_path, "-m", "mlpnas", "front", "quick", size=(24, 40), MLPNAS_RUNS=".")
    assert terminal.end() == 0
    assert re.search(r"trial: \d+\s+top-1: [\d.]+ %\s+MACs: ", terminal.shown)


def test_characters_that_a_terminal_lacks_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", file)
    fit_streams()
    say("caf\u00e9 14x14 \u00b7 MLP 2 \u2264 3 \u00b1 1 \u2588\u258c \udcff")
    file.seek(0)
    assert file.read() == "caf\\xe9 14x14 - MLP 2 <= 3 +- 1 #+ \\udcff\n"


def test_a_closed_output_is_no_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mlpnas", "--version"]
    done = subprocess.run(["sh", "-c", '"$@" >&- 2>&-', "sh", *command], cwd=tmp_path, env=os.environ)
    assert done.returncode == 0


def test_commands_print_through_one_place() -> None:
    """JSON aside, which is ASCII."""
    for file in Path(mlpnas.commands.__file__).parent.glob("*.py"):
        if file.name in ("_terminal.py", "_console.py"):
            continue
        text = file.read_text()
        assert "rich.console import Console" not in text, file.name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                assert "json.dumps" in ast.unparse(node) or not node.args, f"{file.name}:{node.lineno}: use say"
