"""mlpnas export: a trial as a model to use elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from mlpnas.commands._opened import open_run
from mlpnas.commands._terminal import say


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A name under runs/, a path, or a URI.")],
    to: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write; made if missing.")],
    pick: Annotated[str, typer.Option(metavar="best|knee|TRIAL", help="Which trial.")] = "best",
    form: Annotated[str, typer.Option("--format", metavar="folder|onnx|all", help="What to write.")] = "folder",
    proxy: Annotated[bool, typer.Option("--proxy", help="The network that was trained in the search instead.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that is not empty.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Write a trial of a run as a model: spec.json, model.safetensors and a model card; or ONNX.

    It is the declared architecture, with the trained weights where the search trained exactly that network, and fresh
    ones otherwise: the output and the card say which. Load it with mlpnas.load(DIR).
    """
    import json

    from mlpnas.exporters import export as run_export

    found = open_run(run)
    record = found.pick(pick)
    model, files = run_export(found, to, pick=pick, form=form, as_proxy=proxy, force=force)
    if as_json:
        told = {"run": found.place, "trial": record.trial, "key": model.spec.key, "to": str(to), "files": files}
        print(json.dumps(told | {"trained": model.is_trained, "weights": model.origin}))
    else:
        say(f"trial {record.trial} -> {to}: {', '.join(files)}")
        say(f"weights: {model.origin}")
