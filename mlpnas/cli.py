"""The command line: one file of `commands/` is one command. An MlpnasError has no traceback and exits with 2."""

import sys
from importlib import import_module

import typer

from mlpnas.errors import MlpnasError
from mlpnas.plugins import names


def application() -> typer.Typer:
    """All commands; their modules are light, each loads what it needs when it runs."""
    app = typer.Typer(
        name="mlpnas",
        help="Find the best vision-MLP backbone for your budget.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,  # rich help costs 0.15 s of CPU at every call
        pretty_exceptions_enable=False,
    )
    for name in names("commands"):
        module = import_module(f"mlpnas.commands.{name}")
        if group := getattr(module, "app", None):
            app.add_typer(group, name=name)
        else:
            app.command(name=name)(getattr(module, name))
    return app


def main() -> None:
    """Entry point of the console script `mlpnas`."""
    try:
        application()()
    except MlpnasError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # `mlpnas front RUN | head` is no failure
        sys.stderr.close()
        sys.exit(0)
