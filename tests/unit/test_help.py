"""The help of every command and group, by both names, with everything in a catalogue."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import mlpnas
from mlpnas.cli import application, main
from mlpnas.plugins import names, shipped
from mlpnas.training.named import SETTINGS


def shown(*arguments: str) -> str:
    done = CliRunner().invoke(application(), [*arguments], prog_name="mlpnas", terminal_width=100)
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


@pytest.mark.parametrize("command", ["", *names("commands"), "space sample", "cache clear"])
def test_help_has_a_short_name(command: str) -> None:
    assert shown(*command.split(), "-h") == shown(*command.split(), "--help")
    assert shown(*command.split(), "-h").startswith(f"Usage: mlpnas {command}".strip())


def test_help_of_a_search_names_what_there_is() -> None:
    text = shown("search", "--help")
    for name in (*shipped(), *names("samplers"), *names("datasets"), *names("objectives"), *SETTINGS):
        assert re.search(rf"\b{name}\b", text), name


@pytest.mark.parametrize("command", ["check", "show", "sample"])
def test_help_of_a_space_names_the_shipped_ones(command: str) -> None:
    assert ", ".join(shipped()) in shown("space", command, "--help")


def test_a_space_that_is_added_is_named(tmp_path: Path) -> None:
    """The names come from the folder, not from a list."""
    (tmp_path / "brand_new.yaml").touch()
    code = "from mlpnas import plugins; from pathlib import Path; plugins.shipped_folder = lambda: Path('.')"
    program = f"{code}; import sys; sys.argv = ['mlpnas', 'search', '-h']; from mlpnas.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=os.environ, capture_output=True, text=True)
    assert "brand_new" in done.stdout, done.stderr


def test_the_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["mlpnas", "--version"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code
    assert capsys.readouterr().out == f"mlpnas {mlpnas.__version__}\n"
