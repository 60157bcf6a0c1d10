"""The end of a search by Ctrl-C, once or often, or by a lost terminal: no traceback, and nothing lost."""

import json
import time
from pathlib import Path

import pytest

from mlpnas.run import Run
from tests.support.terminals import CTRL_C, Terminal

RECIPE = {"epochs": 2, "batch_size": 32, "learning_rate": 0.01, "warmup_epochs": 0.2, "precision": "fp32"}
SPACE = """\
version: 1
name: digits
input: {size: 8, channels: 1, classes: 10}
stem: {patch: 2}
width: {choose: [16, 24, 32]}
stages: {count: 1, each: {depth: {choose: [1, 2, 3]}, mixer: {choose: [token_mlp, gmlp]}, mlp_ratio: {choose: [2, 3]}}}
"""
LOCAL, RAY = ("--backend", "local"), ("--backend", "ray", "--workers", "1")
BACKENDS = [LOCAL, pytest.param(RAY, marks=pytest.mark.ray)]


def searching(folder: Path, *more: str, **environment: str) -> Terminal:
    (folder / "recipe.json").write_text(json.dumps(RECIPE))
    (folder / "space.yaml").write_text(SPACE)
    asked = ["--space", "space.yaml", "--data", "digits", "--recipe", "recipe.json", "--trials", "30"]
    return Terminal(folder, "-m", "mlpnas", "search", *asked, "--run", "./my run", *more, **environment)


@pytest.mark.slow
def test_ctrl_c_while_preparing_says_that_nothing_started(tmp_path: Path) -> None:
    terminal = searching(tmp_path, *LOCAL)
    terminal.wait_for("preparing")
    terminal.press(CTRL_C, times=5)
    assert terminal.end() == 130, terminal.shown
    assert "no trial was begun" in terminal.shown
    assert "Traceback" not in terminal.shown
    assert not (tmp_path / "my run").exists()


@pytest.mark.slow
def test_five_quick_ctrl_c_end_a_search_once(tmp_path: Path) -> None:
    terminal = searching(tmp_path, *LOCAL, TERM="dumb")
    terminal.wait_for("[1/30")
    terminal.press(CTRL_C, times=5)
    assert terminal.end() == 130, terminal.shown
    assert "everything is kept" in terminal.shown
    assert "mlpnas search --resume --run 'my run'" in terminal.shown
    assert "Traceback" not in terminal.shown
    assert Run(tmp_path / "my run").done()
    assert (tmp_path / "my run" / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS, ids=["local", "ray"])
def test_a_search_whose_terminal_is_closed_keeps_everything(tmp_path: Path, backend: tuple[str, ...]) -> None:
    terminal = searching(tmp_path, *backend)
    terminal.wait_for("1 of 30")
    terminal.close()
    assert terminal.end() == 130
    assert Run(tmp_path / "my run").done()
    assert (tmp_path / "my run" / "report.html").is_file()


STARTING = """
import sys
from mlpnas import cli
make, sys.argv = cli.application, ["mlpnas", "published"]
cli.application = lambda: (print("up", flush=True), make())[1]
cli.main()
"""


@pytest.mark.parametrize("wait", [0.0, 0.4, 0.8])
def test_ctrl_c_while_packages_load_is_no_traceback(tmp_path: Path, wait: float) -> None:
    terminal = Terminal(tmp_path, "-c", STARTING)
    terminal.wait_for("up")
    time.sleep(wait)
    terminal.press(CTRL_C, times=5)
    assert terminal.end() == 130, terminal.shown
    assert "Traceback" not in terminal.shown
