"""mlpnas export: a trial as a model to use elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mlpnas.exporters import Model


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A name under runs/, or a path.")],
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

    from mlpnas.exporters._pick import model_of
    from mlpnas.run import Run

    found = Run(run)
    record = found.pick(pick)
    _check_free(to, force)
    exporters = _exporters(form)
    model = model_of(found, record, as_proxy=proxy)
    files = _write(model, exporters, to)
    if as_json:
        told = {"run": str(found.path), "trial": record.trial, "key": model.spec.key, "to": str(to), "files": files}
        print(json.dumps(told | {"trained": model.is_trained, "weights": model.origin}))
    else:
        print(f"trial {record.trial} -> {to}: {', '.join(files)}")
        print(f"weights: {model.origin}")


def _exporters(form: str) -> list[str]:
    from mlpnas.errors import UnknownName
    from mlpnas.plugins import names

    if form == "all":
        return list(names("exporters"))
    if form not in names("exporters"):
        raise UnknownName("export format", form, (*names("exporters"), "all"))
    return [form]


def _check_free(to: Path, force: bool) -> None:
    from mlpnas.errors import ExportError

    if to.exists() and not to.is_dir():
        raise ExportError(f"--to {to}: is a file; name a folder")
    if to.is_dir() and any(to.iterdir()) and not force:
        raise ExportError(f"--to {to}: is not empty; name another folder, or add --force to write into it")


def _write(model: "Model", exporters: list[str], to: Path) -> list[str]:
    """Names of the files; all of them are written, or none."""
    from tempfile import TemporaryDirectory

    from mlpnas.errors import ExportError
    from mlpnas.plugins import find

    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{to.name}.", dir=to.parent) as name:
            files = [file for exporter in exporters for file in find("exporters", exporter)().export(model, Path(name))]
            to.mkdir(exist_ok=True)
            for file in files:
                file.replace(to / file.name)
    except OSError as error:
        raise ExportError(f"--to {to}: cannot be written ({error.strerror}); name another folder") from None
    return [file.name for file in files]
