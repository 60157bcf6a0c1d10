"""Exports of a trial as a model to use elsewhere. One file of this folder is one form; `load` reads `folder`'s."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mlpnas.errors import ExportError, MlpnasError
from mlpnas.exporters._model import CARD, ONNX, SPEC, WEIGHTS, Exporter, Model, fresh, with_weights
from mlpnas.kinds import FLAG
from mlpnas.named import Named
from mlpnas.options import Option, given_values, takes
from mlpnas.plugins import choose, find, names
from mlpnas.spec import ArchSpec

if TYPE_CHECKING:
    from torch import nn

    from mlpnas.run import Run

__all__ = ["CARD", "ONNX", "SPEC", "WEIGHTS", "Exporter", "Model", "export", "fresh", "load", "with_weights"]


def _read_run(value: "Run | str | Path") -> "Run":
    from mlpnas.run import Run

    return value if isinstance(value, Run) else Run(value)


@dataclass(frozen=True)
class ExportOptions:
    """The options of `mlpnas export` and `mlpnas.export`, as they were read; see mlpnas/options.py."""

    run: Option["Run | str | Path", "Run"] = Option(
        None,  # type: ignore[arg-type]  # it is required
        "A name under runs/, a path, or a URI.",
        read=_read_run,
        metavar="RUN",
        is_argument=True,
    )
    to: Option[str | Path, Path] = Option(
        Path("model"), "Folder to write; made if missing.", read=Path, metavar="DIR", is_required=True
    )
    pick: Option[str | int, str] = Option("best", "Which trial.", read=str, metavar="best|knee|TRIAL")
    form: Option[str | Mapping[str, Any] | Named, Named] = Option(
        Named("folder"),
        "What to write; with options: onnx:opset=20.",
        read=Named.read,
        flag="--format",
        metavar="|".join((*names("exporters"), "all")),
    )
    as_proxy: Option[bool, bool] = Option(
        False, "The network that was trained in the search instead.", FLAG, flag="--proxy"
    )
    force: Option[bool, bool] = Option(False, "Write into a folder that is not empty.", FLAG)


@takes(ExportOptions)
def export(options: ExportOptions) -> tuple[Model, list[str]]:
    """Write a trial of a run as a model into a folder; return the model, and the names of the files.

    Args:
        {options}

    Raises:
        RunError: no such trial. UnknownName: no such form. OptionError: the form has no such option.
        ExportError: the folder cannot be written, or the form not made.
    """
    from mlpnas.exporters._pick import model_of

    missing = [name for name in ("run", "to") if name not in given_values(options)]
    if missing:
        raise TypeError(f"export() needs {missing[0]}")
    exporters = _make_exporters(options.form)
    record = options.run.pick(options.pick)
    _check_free(options.to, options.force)
    model = model_of(options.run, record, as_proxy=options.as_proxy)
    return model, _write(model, exporters, options.to)


def _make_exporters(form: Named) -> list[Exporter]:
    if form.name == "all" and not form.options:
        return [find("exporters", name)() for name in names("exporters")]
    exporter, options = choose("exporters", form)
    return [exporter(**options)]


def _check_free(to: Path, force: bool) -> None:
    if to.exists() and not to.is_dir():
        raise ExportError(f"{to}: is a file; name a folder")
    if to.is_dir() and any(to.iterdir()) and not force:
        raise ExportError(f"{to}: is not empty; name another folder, or add --force to write into it")


def _write(model: Model, exporters: Sequence[Exporter], to: Path) -> list[str]:
    """Write all files or none; return their names."""
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{to.name}.", dir=to.parent) as name:
            files = [file for exporter in exporters for file in exporter.export(model, Path(name))]
            to.mkdir(exist_ok=True)
            for file in files:
                file.replace(to / file.name)
    except OSError as error:
        raise ExportError(f"{to}: cannot be written ({error.strerror}); name another folder") from None
    return [file.name for file in files]


def load(folder: str | Path) -> "nn.Module":
    """Return the network that `mlpnas export` wrote into `folder`, in eval mode on the CPU.

    Example:
        >>> network = mlpnas.load("model")                                     # doctest: +SKIP
        >>> logits = network(images)    # (batch, channels, height, width)     # doctest: +SKIP

    Raises:
        ExportError: no exported model there, or weights that do not belong to its spec.
    """
    folder = Path(folder)
    try:
        spec = ArchSpec.loads((folder / SPEC).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ExportError(f"{folder}: no exported model here ({error}); give a folder of `mlpnas export`") from None
    except MlpnasError as error:
        raise ExportError(f"{folder / SPEC}: {error}") from None
    return with_weights(spec, folder / WEIGHTS)
