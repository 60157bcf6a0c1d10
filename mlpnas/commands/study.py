"""mlpnas study: copy a run into a study of Optuna, for other tools."""

from typing import Annotated

import typer

from mlpnas.commands._terminal import say
from mlpnas.plain_text import plural


def study(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A name under runs/, a path, or a URI.")],
    to: Annotated[
        str, typer.Option(metavar="URL|FILE", help="A database, sqlite:///study.db, or a file for Optuna's journal.")
    ],
) -> None:
    """Copy a run into a storage of Optuna, as a study with the run's name.

        mlpnas study RUN --to journal.log
        optuna-dashboard journal.log

    The run stays as it is. In Python, mlpnas.study(RUN) returns the study itself.
    """
    from mlpnas.run import Run
    from mlpnas.samplers import copy_study

    found = Run(run)
    count = copy_study(found, to)
    say(f"{plural(count, 'trial')} of {found.place} -> {to}, study {found.path.name}")
