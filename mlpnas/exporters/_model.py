"""The exported model and the protocol of exporters."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlpnas.errors import CheckpointError, ExportError
from mlpnas.spec import ArchSpec

if TYPE_CHECKING:
    from torch import nn

    from mlpnas.nets.network import Network

SPEC, WEIGHTS, CARD, ONNX = "spec.json", "model.safetensors", "README.md", "model.onnx"


@dataclass(frozen=True)
class Model:
    """A network to export, with the facts for its users.

    Attributes:
        network: the module in eval mode on the CPU; images (batch, channels, height, width) -> logits (batch, classes).
        origin: the origin of the weights: trained, or fresh and why.
        facts: further facts by name, as JSON: classes, mean and std of the pixels.
        card: a model card in Markdown.
    """

    spec: ArchSpec
    network: "nn.Module"
    is_trained: bool
    origin: str
    facts: Mapping[str, Any]
    card: str

    def metadata(self) -> dict[str, str]:
        """Return the facts for metadata in files: texts by name."""
        values = {**self.facts, "weights": self.origin}
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


class Exporter(Protocol):
    """A writer of one format."""

    def export(self, model: Model, folder: Path) -> list[Path]:
        """Write the model's files into an existing `folder` and return them.

        Raises:
            ExportError: the model cannot be written in this format.
            MissingPackage: the format needs a package that is not installed.
        """
        ...


def with_weights(spec: ArchSpec, file: Path) -> "nn.Module":
    """Return the network of `spec` with the weights in a safetensors file, in eval mode.

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
    """Return the network of `spec` in eval mode, initialised from `seed`; the global random state stays."""
    import torch

    from mlpnas.nets.network import build

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(spec).eval()
