"""mlpnas report: a run as one HTML page."""

from pathlib import Path
from typing import Annotated

import typer

from mlpnas.commands._opened import say_set_aside
from mlpnas.commands._terminal import say


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A name under runs/, a path, or a URI.")],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it there, and nothing into the run folder.")
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write report.html into the run folder: one page that needs no network.

    It shows the front beside the published models of that cost, the best architectures, how the search went, what
    failed, and how to repeat it.
    """
    from mlpnas.report import write_report
    from mlpnas.run import Run

    found = Run(run)
    path = write_report(found, output)
    say(path)
    say_set_aside(found)
    if open_it:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
