"""mlpnas cost: the cost of an architecture on the command line."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mlpnas.commands.cost import cost as command
from mlpnas.errors import ShapeError
from mlpnas.spec import ArchSpec, Layer, Stage, Stem

SPEC = ArchSpec((Stage(24, 2, Layer("gmlp"), mlp_ratio=0),), Stem(8), input_size=(64, 32), channels=1, classes=3)


def run(*arguments: str) -> str:
    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_command_json() -> None:
    measured = json.loads(run("as_mlp_t", "--json"))
    assert list(measured) == ["params", "macs", "activation_bytes", "peak_bytes", "input_size"]
    assert (measured["params"], measured["macs"], measured["input_size"]) == (28_282_696, 4_350_425_088, 224)


def test_command_at_another_size() -> None:
    measured = json.loads(run("as_mlp_t", "--size", "448", "--json"))
    assert measured["input_size"] == 448
    assert measured["macs"] - 768_000 == 4 * (4_350_425_088 - 768_000)


def test_command_on_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(SPEC.dumps())
    output = run(str(file))
    assert "64x32" in output
    assert "MACs" in output


def test_command_table() -> None:
    output = run("as_mlp_t", "--table")
    assert [line.split()[0] for line in output.splitlines()[1:]][:3] == ["stem", "stage", "downsample"]
    assert "28,282,696" in output
    parts = json.loads(run("as_mlp_t", "--table", "--json"))["table"]
    assert sum(part["macs"] for part in parts) == 4_350_425_088


def test_command_says_which_sizes_fit() -> None:
    with pytest.raises(ShapeError, match="even grid"):
        run("as_mlp_t", "--size", "100")
