"""Published models as named points: a spec with the numbers that were printed for it. One file = one family (MODELS).

measured.csv holds what the upstream implementations count, to the unit. Loads no torch.
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
    """What was printed about one model, beside its architecture.

    Attributes:
        params_m: million parameters as printed. gflops: as printed, at the spec's input size.
        gflops_convention: what one printed FLOP is: MACs, or 2 x MACs (multiply and add counted apart).
        top1: on ImageNet-1K's validation images, trained on ImageNet-1K alone; a share, 0 to 1.
        source: where the numbers stand.
        recipe: how it was trained for that top-1, in a few words.
        weights: "timm/NAME.TAG" on timm's hub, or where the released checkpoint is found.
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


Form = Literal["train", "deploy"]  # as trained, or re-parameterised for use


@dataclass(frozen=True)
class Measured:
    """What the upstream implementation of a model counts, built and measured: exact, at the spec's input size.

    Attributes:
        upstream: the implementation, with its version or commit.
        macs: of convolutions, linears and attention products, for one image; as `mlpnas.cost` counts them.
    """

    upstream: str
    params: int
    macs: int


@cache
def _all() -> Mapping[str, Published]:
    families = [import_module(f"{__name__}.{file.name}") for file in iter_modules(__path__) if file.name[0] != "_"]
    return {model.name: model for family in families for model in family.MODELS}


def names() -> tuple[str, ...]:
    """The names of all published models, family by family."""
    return tuple(_all())


def find(name: str) -> Published:
    """Raises UnknownName where no published model is called so."""
    if name not in _all():
        raise UnknownName("published model", name, names())
    return _all()[name]


@cache
def _measured() -> Mapping[tuple[str, str], Measured]:
    with Path(__file__).with_name("measured.csv").open(encoding="utf-8", newline="") as file:
        return {
            (row["name"], row["form"]): Measured(row["upstream"], int(row["params"]), int(row["macs"]))
            for row in csv.DictReader(file)
        }


def measured(name: str, form: Form = "train") -> Measured | None:
    """What upstream counts for a published model; None where it was not measured in that form."""
    return _measured().get((name, form))


def find_spec(text: str) -> ArchSpec:
    """The architecture of a published name, or of a spec's JSON file by its path.

    Raises:
        UnknownName: neither a name nor a path. SpecError: a file that cannot be read as an architecture.
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
