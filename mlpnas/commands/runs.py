"""mlpnas runs: list the runs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mlpnas.commands._terminal import complain, say


def runs(
    folder: Annotated[
        str | None, typer.Argument(metavar="FOLDER", help="Where they are: a path, or s3://BUCKET/PATH.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """List the runs under runs/ (or $MLPNAS_RUNS, or FOLDER), the newest first."""
    import json

    from mlpnas.run import runs_place

    place = folder or runs_place()
    rows = sorted(
        map(_row, _places(place)),
        key=lambda row: (row["created"], row["name"]),
        reverse=True,
    )
    if as_json:
        print(json.dumps(rows))
    elif not rows:
        say(f"no runs in {place}; `mlpnas search` makes one")
    else:
        _show(rows)


def _places(folder: str) -> list[str]:
    """Return the paths or URIs of the runs in a folder."""
    from mlpnas import remote

    if remote.is_remote(folder):
        return [remote.join(folder, name) for name in remote.folders_with(folder, "run.json")]
    return [str(path.parent) for path in Path(folder).glob("*/run.json")]


def _row(place: str) -> dict[str, Any]:
    """Return the facts of one run; a run that cannot be read says why under `error`."""
    from mlpnas import remote
    from mlpnas.errors import MlpnasError
    from mlpnas.record import FAILURES
    from mlpnas.report.wording import data_name
    from mlpnas.run import Run

    try:
        run = Run(place)
        trials = [record for record in run.records if record.origin != "duplicate"]
        best = run.best() if run.done() else None
        return {
            "name": run.path.name,
            "created": run.manifest.created,
            "space": run.manifest.space,
            "data": data_name(run),
            "trials": len(trials),
            "failed": sum(record.status in FAILURES for record in trials),
            "objectives": run.manifest.decided.objectives,
            "best": {"trial": best.trial, **best.values} if best else None,
            "hypervolume": run.hypervolume(),
            "set_aside": run.set_aside(),
        }
    except Exception as error:  # one bad run must not hide the others
        why = str(error) if isinstance(error, MlpnasError) else f"cannot be read ({type(error).__name__}: {error})"
        return {"name": remote.file_name(place), "created": "", "error": why}


def _show(rows: list[dict[str, Any]]) -> None:
    from mlpnas.commands._table import print_table
    from mlpnas.report.wording import text

    heads = ["name", "date", "space", "data", "trials", "failed", "best", "hypervolume"]
    lines = []
    for row in rows:
        best = row.get("best") or {}
        words = ", ".join(text(name, best[name]) for name in row.get("objectives", ()) if name in best)
        volume = f"{row['hypervolume']:.3f}" if best else ""
        counts = [str(row.get(name, "")) for name in ("space", "data", "trials", "failed")]
        date = row["created"][:16].replace("T", " ")
        lines.append([row["name"], date, *counts, words or row.get("error", ""), volume])
    print_table(heads, lines, right={"trials", "failed", "hypervolume"})
    for row in rows:
        for line in row.get("set_aside", ()):
            complain(f"note: {row['name']}: {line}")
