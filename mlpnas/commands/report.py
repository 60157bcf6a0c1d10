"""mlpnas report: write a run as one HTML page."""

from pathlib import Path
from typing import Annotated

import typer

from mlpnas.commands._opened import report_set_aside
from mlpnas.commands._terminal import say


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A name under runs/, a path, or a URI.")],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the page there and not into the run folder.")
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Write report.html into the run folder: one page that needs no network.

    It shows the front beside the published models of that cost, the best architectures, the progress of the search, its
    failures, and how to repeat it.
    """
    from mlpnas.report import write_report
    from mlpnas.run import Run

    found = Run(run)
    path = write_report(found, output)
    say(path)
    report_set_aside(found)
    if open_it:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
