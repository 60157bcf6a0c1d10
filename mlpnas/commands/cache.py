"""mlpnas cache: what is kept between runs, where, and how to be rid of it."""

from typing import Annotated

import typer

from mlpnas.cache import KINDS
from mlpnas.commands._terminal import say

app = typer.Typer(help="Show and clear what is kept in the cache folder.")


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False
) -> None:
    """Show what is kept in the cache folder ($MLPNAS_CACHE, or ~/.cache/mlpnas), and what of it takes how much."""
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
        str | None, typer.Argument(metavar="[KIND]", help=f"{', '.join(KINDS)}; all of them unless given.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Copies of runs with unsent changes, too.")] = False,
) -> None:
    """Delete what is kept, or one kind of it, and say what was freed; all of it can be made again.

    Only what mlpnas has put into the cache folder goes. Links are not followed.
    """
    from mlpnas.commands._cached import delete, entries, size, unsent
    from mlpnas.errors import UnknownName
    from mlpnas.units import show as shown

    if kind is not None and kind not in KINDS:
        raise UnknownName("kind", kind, list(KINDS))
    for name in KINDS if kind is None else (kind,):
        ours, others = entries(name)
        freed = []
        for entry in ours:
            if name == "runs" and not force and (reason := unsent(entry)):
                say(f"kept {entry}: {reason}; --force clears it, too")
            else:
                freed.append(size(entry))
                delete(entry)
        say(f"{name}: {len(freed)} cleared, {shown(sum(freed), 'bytes')} freed")
        for other in others:
            say(f"left {other}: a link, or not made by mlpnas, or being written")
