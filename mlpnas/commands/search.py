"""mlpnas search: search architectures."""

import shlex
import sys
from typing import TYPE_CHECKING

import typer

from mlpnas.commands._from_options import from_options
from mlpnas.options import given_values
from mlpnas.search_options import SearchOptions

if TYPE_CHECKING:
    from mlpnas.commands._progress import Lines


@from_options(SearchOptions, json_help="One event a line.")
def search(options: SearchOptions, as_json: bool) -> None:
    """Search a space for the best architectures inside a budget.

        mlpnas search --space asmlp.yaml --budget 15GFLOPs

    Every trial is kept on disk as it ends. Ctrl-C ends the search cleanly; --resume goes on.
    """
    from mlpnas.commands._view import progress

    with progress(as_json) as view:
        try:
            from mlpnas.engine.search import search as run_search

            run_search(**given_values(options), listener=view, command=shlex.join(["mlpnas", *sys.argv[1:]]))
        except KeyboardInterrupt:
            view.interrupted()
            raise typer.Exit(130) from None
        finally:
            if view.state.has_ended:
                _write_report(view)


def _write_report(view: "Lines") -> None:
    from mlpnas.errors import MlpnasError
    from mlpnas.report import write_report
    from mlpnas.run import Run

    try:
        view.reported(write_report(Run(view.state.folder)))
    except (OSError, MlpnasError) as error:  # a full disk must not hide how the search ended
        view.write(f"no report: {error}")
