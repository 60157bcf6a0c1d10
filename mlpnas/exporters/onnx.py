"""ONNX through torch's exporter, checked by onnxruntime's logits."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from mlpnas.errors import ExportError, MissingPackage
from mlpnas.exporters._model import ONNX, Model
from mlpnas.kinds import Number

if TYPE_CHECKING:
    import torch

TOLERANCE = 1e-4
Opset = Annotated[int, Number(least=0, most=99)]
_LARGEST_FILE = 1.9e9  # bytes; beyond protobuf's 2 GiB the weights go into a second file


class Onnx:
    """An exporter of model.onnx: `images` (batch, channels, height, width) -> `logits` (batch, classes), any batch.

    Args:
        opset: version of ONNX's operators; 0: the one that torch recommends.
    """

    def __init__(self, opset: Opset = 0) -> None:
        self.opset = opset or None

    def export(self, model: Model, folder: Path) -> list[Path]:
        import torch

        for package in ("onnx", "onnxscript", "onnxruntime"):
            if find_spec(package) is None:
                raise MissingPackage(package, "export", "ONNX export")
        spec, path = model.spec, folder / ONNX
        images = torch.randn(3, spec.channels, *spec.image, generator=torch.Generator().manual_seed(0))
        _write(model, images[:2], path, self.opset)
        for batch in (images, images[:1]):
            _compare(model, batch, path)
        return sorted(folder.glob(f"{ONNX}*"))


def _write(model: Model, images: "torch.Tensor", path: Path, opset: int | None) -> None:
    import torch

    size = sum(parameter.nbytes for parameter in model.network.parameters())
    try:
        with _quiet():
            program = torch.onnx.export(
                model.network,
                (images,),
                input_names=["images"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                dynamo=True,
                opset_version=opset,
                verbose=False,
            )
            assert program is not None
            program.model.metadata_props.update(model.metadata())
            program.save(path, external_data=size > _LARGEST_FILE)
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        raise ExportError(f"ONNX cannot express this network: {str(error).strip().splitlines()[0]}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's messages to its developers."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _compare(model: Model, images: "torch.Tensor", path: Path) -> None:
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(["logits"], {"images": images.numpy()})
    with torch.inference_mode():
        wanted = model.network(images)
    difference = (torch.from_numpy(found) - wanted).abs().max().item()
    if not difference <= TOLERANCE:
        raise ExportError(f"{path.name}: onnxruntime's logits differ from torch's by {difference:.1e}; not exported")
