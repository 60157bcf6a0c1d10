"""A run as commands open it."""

from typing import TYPE_CHECKING

from mlpnas.commands._terminal import complain

if TYPE_CHECKING:
    from mlpnas.run import Run


def open_run(name: str) -> "Run":
    """Return a run; files of its trials that are not used are named on the standard error.

    Raises:
        RunError: there is none, or it cannot be read.
    """
    from mlpnas.run import Run

    run = Run(name)
    say_set_aside(run)
    return run


def say_set_aside(run: "Run") -> None:
    """Name the files of a run that are not used, and why."""
    for line in run.set_aside():
        complain(f"note: {run.place}: {line}")
