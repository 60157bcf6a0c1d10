"""mlpnas audit: compare the zero-cost scores of a run with its trained accuracies."""

from typing import TYPE_CHECKING, Annotated

import typer

from mlpnas.commands._opened import open_run
from mlpnas.commands._terminal import say

if TYPE_CHECKING:
    from mlpnas.record import Record
    from mlpnas.run import Run


def audit(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A name under runs/, a path, or a URI.")],
    add: Annotated[str, typer.Option(metavar="SCORES", help="Take these now: snip,naswot, or all.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """Compare zero-cost scores, macs and params with the accuracy that training showed, over all and at equal cost."""
    import json
    from dataclasses import asdict

    from mlpnas.commands._table import print_table
    from mlpnas.errors import RunError
    from mlpnas.objectives import scores
    from mlpnas.report.audit import HEADINGS, audit_run, explain, rows

    found, wanted = open_run(run), scores(add)
    records = _with_scores(found, wanted) if wanted else found.done()
    audits = audit_run(found, records)
    if not audits:
        raise RunError(f"{found.place}: no finished trial with a zero-cost score; --add all takes them now")
    if as_json:
        print(json.dumps([asdict(audit) for audit in audits]))
    else:
        print_table(HEADINGS, rows(audits), right={*HEADINGS[1:-1]})
        say(explain(audits))


def _with_scores(run: "Run", names: tuple[str, ...]) -> "list[Record]":
    """Return the finished trials with these scores among their values; nothing is written."""
    from dataclasses import replace
    from sys import stderr

    import torch

    from mlpnas.datasets import DataRef, load
    from mlpnas.objectives import Candidate, measure
    from mlpnas.tasks import task_of
    from mlpnas.training.recipe import Recipe

    ref, device = DataRef.from_json(run.manifest.decided.data), "cuda" if torch.cuda.is_available() else "cpu"
    task, data = task_of(ref), load(ref)
    scored, done = [], run.done()
    for number, record in enumerate(done, 1):
        if stderr.isatty():
            print(end=f"\r{number} of {len(done)} trials", file=stderr, flush=True)
        recipe = Recipe.loads(record.recipe) if record.recipe else Recipe.from_json(run.manifest.decided.recipe)
        candidate = Candidate(run.spec(record), device, task=task, recipe=recipe, data=data, seed=record.seed)
        scored.append(replace(record, values={**record.values, **measure(names, candidate)}))
    if stderr.isatty():
        say(file=stderr)
    return scored
