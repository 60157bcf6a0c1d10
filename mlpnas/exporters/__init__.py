"""A trial becomes a model to use elsewhere. One file of this folder = one form; `load` reads what `folder` wrote."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

from mlpnas.errors import CheckpointError, ExportError, MlpnasError
from mlpnas.plugins import find, names
from mlpnas.spec import ArchSpec

if TYPE_CHECKING:
    from torch import nn

    from mlpnas.nets.network import Network
    from mlpnas.run import Run

SPEC, WEIGHTS, CARD, ONNX = "spec.json", "model.safetensors", "README.md", "model.onnx"


@dataclass(frozen=True)
class Model:
    """What is exported.

    Attributes:
        network: in eval mode, on the CPU; images (batch, channels, height, width) -> logits (batch, classes).
        origin: where the weights come from: trained, or fresh and why.
        facts: what whoever uses it must know besides: classes, mean and std of the pixels; JSON by name.
        card: a model card in Markdown.
    """

    spec: ArchSpec
    network: "nn.Module"
    is_trained: bool
    origin: str
    facts: Mapping[str, Any]
    card: str

    def metadata(self) -> dict[str, str]:
        """The facts as files carry them: text by name."""
        values = {**self.facts, "weights": self.origin}
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


class Exporter(Protocol):
    """One form of a model."""

    def export(self, model: Model, folder: Path) -> list[Path]:
        """Write its files into `folder`, which exists, and return them.

        Raises:
            ExportError: the model cannot take this form.
            MissingPackage: the form needs a package that is not installed.
        """
        ...


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


def with_weights(spec: ArchSpec, file: Path) -> "nn.Module":
    """The network of `spec` with the weights in a safetensors file, in eval mode.

    Raises:
        ExportError: the file is missing, unreadable, of another network, or without usable numbers.
    """
    from mlpnas.checkpoints import load_own

    network = fresh(spec, seed=0)
    try:
        load_own(network, file)
    except CheckpointError as error:
        raise ExportError(str(error)) from None
    return network


def fresh(spec: ArchSpec, seed: int) -> "Network":
    """The network of `spec`, initialised from `seed`, in eval mode; other random numbers stay as they would be."""
    import torch

    from mlpnas.nets.network import build

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(spec).eval()
