"""Help and `import mlpnas` answer at once: they load no heavy library. Each case runs in a fresh process."""

import subprocess
import sys
from importlib import import_module

import pytest

from mlpnas.plugins import names

HEAVY = {
    "matplotlib",
    "numpy",
    "optuna",
    "pandas",
    "plotly",
    "pyarrow",
    "ray",
    "scipy",
    "sklearn",
    "timm",
    "torch",
    "torchvision",
}

HELP = """
import sys
from mlpnas.cli import main

sys.argv = ["mlpnas", *sys.argv[1:], "--help"]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
print("loaded:", *sys.modules)
"""


def run(code: str, *arguments: str) -> tuple[str, set[str]]:
    """Return the output of `code`, and the modules it has loaded at the end."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    output, _, loaded = done.stdout.rpartition("loaded:")
    return output, set(loaded.split())


def command_lines() -> list[list[str]]:
    """Return every command, and every command of a group."""
    lines: list[list[str]] = [[]]
    for name in names("commands"):
        group = getattr(import_module(f"mlpnas.commands.{name}"), "app", None)
        commands = group.registered_commands if group else []
        lines += [[name], *([name, command.name or command.callback.__name__] for command in commands)]
    return lines


@pytest.mark.parametrize("command", command_lines(), ids=lambda command: " ".join(["mlpnas", *command]))
def test_help_stays_light(command: list[str]) -> None:
    output, loaded = run(HELP, *command)
    assert "Usage" in output
    assert not loaded & HEAVY


def test_import_stays_light() -> None:
    _, loaded = run("import sys, mlpnas; print('loaded:', *sys.modules)")
    assert "mlpnas" in loaded
    assert not loaded & {*HEAVY, "rich", "typer"}
