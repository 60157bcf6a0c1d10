"""mlpnas runs: what has been searched."""

from typing import Annotated, Any

import typer


def runs(as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False) -> None:
    """List the runs under runs/ (or $MLPNAS_RUNS), the newest first."""
    import json

    from mlpnas.run import runs_folder

    rows = sorted(
        (_row(path.parent) for path in runs_folder().glob("*/run.json")),
        key=lambda row: (row["created"], row["name"]),
        reverse=True,
    )
    if as_json:
        print(json.dumps(rows))
    elif not rows:
        print(f"no runs in {runs_folder()}; `mlpnas search` makes one")
    else:
        _show(rows)


def _row(folder: Any) -> dict[str, Any]:
    """One run; a run that cannot be read says why under `error`."""
    from mlpnas.errors import MlpnasError
    from mlpnas.record import FAILURES
    from mlpnas.run import Run

    try:
        run = Run(folder)
        trials = [record for record in run.records if record.origin != "duplicate"]
        best = run.best() if run.done() else None
        return {
            "name": folder.name,
            "created": run.manifest.created,
            "space": run.manifest.space,
            "trials": len(trials),
            "failed": sum(record.status in FAILURES for record in trials),
            "best": {"trial": best.trial, **best.values} if best else None,
            "hypervolume": run.hypervolume(),
        }
    except MlpnasError as error:
        return {"name": folder.name, "created": "", "error": str(error)}


def _show(rows: list[dict[str, Any]]) -> None:
    from mlpnas.commands._table import print_table
    from mlpnas.report.wording import text

    heads = ["name", "date", "space", "trials", "failed", "best", "hypervolume"]
    lines = []
    for row in rows:
        best = row.get("best") or {}
        words = ", ".join(text(name, best[name]) for name in ("top1", "macs") if name in best)
        volume = f"{row['hypervolume']:.3f}" if best else ""
        counts = [str(row.get(name, "")) for name in ("space", "trials", "failed")]
        date = row["created"][:16].replace("T", " ")
        lines.append([row["name"], date, *counts, words or row.get("error", ""), volume])
    print_table(heads, lines, right={"trials", "failed", "hypervolume"})
