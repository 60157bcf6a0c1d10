"""mlpnas cache: show and clear the cache folder."""

from typing import Annotated

import typer

from mlpnas.cache import KINDS
from mlpnas.commands._terminal import say

app = typer.Typer(help="Show and clear the cache folder.")


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False
) -> None:
    """Show the files in the cache folder ($MLPNAS_CACHE, or ~/.cache/mlpnas) and their sizes."""
    import json

    from mlpnas import cache
    from mlpnas.commands._cached import entries, size
    from mlpnas.commands._table import print_table
    from mlpnas.units import show as shown

    if context.invoked_subcommand:
        return
    sizes = {kind: [size(entry) for entry in entries(kind)[0]] for kind in KINDS}
    if as_json:
        kinds = {kind: {"entries": len(found), "bytes": sum(found)} for kind, found in sizes.items()}
        print(json.dumps({"folder": str(cache.path()), "kinds": kinds}))
    else:
        say(f"{cache.path()}: {shown(sum(map(sum, sizes.values())), 'bytes')}")
        rows = [[kind, str(len(s)), shown(sum(s), "bytes"), KINDS[kind].what] for kind, s in sizes.items()]
        print_table(["kind", "entries", "size", "what"], rows, right={"entries", "size"})


@app.command()
def clear(
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help=f"{', '.join(KINDS)}; default: all of them.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also delete copies of runs with unsent changes.")] = False,
) -> None:
    """Delete the cached files, or one kind of them; all can be made again.

    Only files that mlpnas has made are deleted. Links are not followed.
    """
    from mlpnas.commands._cached import delete, entries, reason_to_keep, size
    from mlpnas.errors import UnknownName
    from mlpnas.units import show as shown

    if kind is not None and kind not in KINDS:
        raise UnknownName("kind", kind, list(KINDS))
    for name in KINDS if kind is None else (kind,):
        ours, others = entries(name)
        freed = []
        for entry in ours:
            if name == "runs" and not force and (reason := reason_to_keep(entry)):
                say(f"kept {entry}: {reason}; --force clears it too")
            else:
                freed.append(size(entry))
                delete(entry)
        say(f"{name}: {len(freed)} cleared, {shown(sum(freed), 'bytes')} freed")
        for other in others:
            say(f"left {other}: a link, or not made by mlpnas, or being written")
