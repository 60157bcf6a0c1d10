"""mlpnas dashboard: serve a run in optuna-dashboard."""

from typing import Annotated

import typer

from mlpnas.commands._terminal import complain


def dashboard(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A name under runs/, a path, or a URI.")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of this machine.")] = 8080,
) -> None:
    """Show a run in optuna-dashboard, on this machine alone, until Ctrl-C.

    It shows the run as it is now: start it again to see later trials.
    """
    from mlpnas.samplers import serve

    complain(f"http://127.0.0.1:{port}/ shows {run}; Ctrl-C ends it")
    serve(run, port)
