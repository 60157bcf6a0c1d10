"""A trial becomes a model to use elsewhere. One file of this folder = one form; `load` reads what `folder` wrote."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlpnas.errors import ExportError, MlpnasError
from mlpnas.exporters._model import CARD, ONNX, SPEC, WEIGHTS, Exporter, Model, fresh, with_weights
from mlpnas.plugins import find, names
from mlpnas.spec import ArchSpec

if TYPE_CHECKING:
    from torch import nn

    from mlpnas.run import Run

__all__ = ["CARD", "ONNX", "SPEC", "WEIGHTS", "Exporter", "Model", "export", "fresh", "load", "with_weights"]


def export(
    run: "Run", to: str | Path, pick: str = "best", form: str = "folder", as_proxy: bool = False, force: bool = False
) -> tuple[Model, list[str]]:
    """Write a trial of a run as a model into the folder `to`: what it is, and the names of the files.

    Args:
        pick: best, knee, or a trial number.
        form: a file of this folder, or all.
        as_proxy: the network that was trained in the search, instead of the declared one.
        force: write even where `to` is not empty.

    Raises:
        RunError: no such trial. UnknownName: no such form. ExportError: `to` cannot be written, or the form not made.
    """
    from mlpnas.exporters._pick import model_of

    forms = names("exporters") if form == "all" else (form,)
    exporters = [find("exporters", name)() for name in forms]
    folder, record = Path(to), run.pick(pick)
    _check_free(folder, force)
    model = model_of(run, record, as_proxy=as_proxy)
    return model, _write(model, exporters, folder)


def _check_free(to: Path, force: bool) -> None:
    if to.exists() and not to.is_dir():
        raise ExportError(f"{to}: is a file; name a folder")
    if to.is_dir() and any(to.iterdir()) and not force:
        raise ExportError(f"{to}: is not empty; name another folder, or add --force to write into it")


def _write(model: Model, exporters: Sequence[Exporter], to: Path) -> list[str]:
    """Names of the files; all of them are written, or none."""
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
    """The network that `mlpnas export` wrote into `folder`, in eval mode on the CPU.

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
