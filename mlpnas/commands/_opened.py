"""Opening of a run by a command."""

from typing import TYPE_CHECKING

from mlpnas.commands._terminal import complain

if TYPE_CHECKING:
    from mlpnas.run import Run


def open_run(name: str) -> "Run":
    """Return a run, and name its unused files on the standard error.

    Raises:
        RunError: it does not exist or cannot be read.
    """
    from mlpnas.run import Run

    run = Run(name)
    report_set_aside(run)
    return run


def report_set_aside(run: "Run") -> None:
    """Name the unused files of a run and the reasons on the standard error."""
    for line in run.set_aside():
        complain(f"note: {run.place}: {line}")
