"""Published models: a spec with the numbers printed for it. One file holds one family (MODELS).

measured.csv holds the exact counts of the upstream implementations. This module loads no torch.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Literal

from mlpnas.documents import read_text
from mlpnas.errors import SpecError, TextError, UnknownName
from mlpnas.spec import ArchSpec


@dataclass(frozen=True)
class Published:
    """The architecture of one model and the numbers printed for it.

    Attributes:
        params_m: million parameters as printed. gflops: as printed, at the spec's input size.
        gflops_convention: the unit of the printed FLOPs: MACs, or 2 x MACs (multiply and add counted apart).
        top1: on ImageNet-1K's validation images, trained on ImageNet-1K alone; a share, 0 to 1.
        source: the place where the numbers are printed.
        recipe: the training behind that top-1, in a few words.
        weights: "timm/NAME.TAG" on timm's hub, or the place of the released weights.
    """

    name: str
    family: str
    spec: ArchSpec
    params_m: float | None = None
    gflops: float | None = None
    gflops_convention: str = "MACs"
    top1: float | None = None
    source: str = ""
    notes: str = ""
    recipe: str = ""
    weights: str = ""


Form = Literal["train", "deploy"]  # as trained, or re-parameterised for deployment


@dataclass(frozen=True)
class Measured:
    """The exact counts of a model's upstream implementation, measured at the spec's input size.

    Attributes:
        upstream: the implementation, with its version or commit.
        macs: those of convolutions, linears and attention products for one image, as in `mlpnas.cost`.
    """

    upstream: str
    params: int
    macs: int


@cache
def _all() -> Mapping[str, Published]:
    families = [import_module(f"{__name__}.{file.name}") for file in iter_modules(__path__) if file.name[0] != "_"]
    return {model.name: model for family in families for model in family.MODELS}


def names() -> tuple[str, ...]:
    """Return the names of all published models, family by family."""
    return tuple(_all())


def find(name: str) -> Published:
    """Return the published model of that name, or raise UnknownName."""
    if name not in _all():
        raise UnknownName("published model", name, names())
    return _all()[name]


@cache
def _all_measured() -> Mapping[tuple[str, str], Measured]:
    with Path(__file__).with_name("measured.csv").open(encoding="utf-8", newline="") as file:
        return {
            (row["name"], row["form"]): Measured(row["upstream"], int(row["params"]), int(row["macs"]))
            for row in csv.DictReader(file)
        }


def find_measured(name: str, form: Form = "train") -> Measured | None:
    """Return the upstream counts of a published model; None if it was not measured in that form."""
    return _all_measured().get((name, form))


def find_spec(text: str) -> ArchSpec:
    """Return the architecture of a published name, or of a spec's JSON file.

    Raises:
        UnknownName: it is neither a name nor a path. SpecError: the file is no architecture.
    """
    path = Path(text)
    if text in _all() or not (path.suffix or path.exists()):
        return find(text).spec
    try:
        return ArchSpec.loads(read_text(path))
    except TextError as error:
        raise SpecError(f"{path}: {error}; give a published name or the path of a spec's JSON file") from None
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None
