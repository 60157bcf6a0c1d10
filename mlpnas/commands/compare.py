"""mlpnas compare: show networks side by side, or the trials of a run by their answers."""

from typing import Annotated

import typer

from mlpnas.commands._opened import open_run
from mlpnas.commands._terminal import say


def compare(
    networks: Annotated[
        list[str],
        typer.Argument(metavar="A B ...", help="Published names, spec files, RUN:TRIAL, RUN:front; or RUN with --by."),
    ],
    by: Annotated[
        list[str], typer.Option(metavar="FIELD", help="Group the run's trials by this answer. Repeat to cross several.")
    ] = [],  # noqa: B006
    size: Annotated[str | None, typer.Option(metavar="N|HxW", help="Input size in pixels; each one's own.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list; with --by, one JSON object.")] = False,
) -> None:
    """Print networks side by side: costs, accuracies, mixers and resolution, then part by part.

    With --by, a run's finished trials by one of its questions (variant, head.pool, ...), or by the mixer, pool or
    position_embedding of the architecture: how many, the best, the median, and the best at like cost.
    """
    if by:
        _by_answer(networks, by, size, as_json)
    else:
        _side_by_side(networks, size, as_json)


def _side_by_side(networks: list[str], size: str | None, as_json: bool) -> None:
    import json

    from mlpnas.commands._models import find
    from mlpnas.commands._parts import parts, to_json
    from mlpnas.commands._side_by_side import side_by_side
    from mlpnas.commands._table import print_table
    from mlpnas.errors import SpecError

    models = [model for name in networks for model in find(name, size)]
    if len(models) < 2:
        raise SpecError(f"{networks[0]}: one network; give two or more to compare, or RUN --by FIELD for its trials")
    if as_json:
        print(json.dumps([to_json(model, parts(model.spec)) for model in models]))
    else:
        print_table(*side_by_side(models))


def _by_answer(networks: list[str], by: list[str], size: str | None, as_json: bool) -> None:
    import json
    from dataclasses import asdict
    from textwrap import fill

    from mlpnas.commands._by_answer import group_trials, legend, table
    from mlpnas.commands._table import print_table
    from mlpnas.errors import RunError

    if len(networks) != 1 or size:
        raise RunError("--by groups the trials of one run: write mlpnas compare RUN --by FIELD, without --size")
    run = open_run(networks[0])
    grouping = group_trials(run, by)
    if as_json:
        objective = next(iter(run.manifest.decided.objectives))
        print(json.dumps({"run": run.place, "objective": objective, **asdict(grouping)}))
    else:
        print_table(*table(run, grouping))
        say(f"\n{fill(legend(run), 100)}")
