"""What a search optimises. One file of this folder = one number.

    class Top1:
        direction = "maximize"      or "minimize"
        unit = "share"              that `measure` returns
        known = False               True: follows from the spec alone, before anything is built
        needs_training = True       False: can be measured on the untrained network
        extras = ()                 other objectives that are recorded with it
        def measure(self, candidate: Candidate) -> float: ...
        def reference(self, limit: float | None) -> float | None: ...   worst value for the hypervolume, if any

`measure` below asks several at once; each is made without arguments. Those whose unit is "score" are zero-cost scores:
guesses at the accuracy, to be measured beside the objectives of a search (see `_scores.py` and mlpnas/audit.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import ClassVar, Protocol

from mlpnas.costs import Cost, cost
from mlpnas.datasets import Dataset
from mlpnas.errors import UnknownName
from mlpnas.objectives._timing import seconds_per_image
from mlpnas.plugins import find, names
from mlpnas.record import EpochRow
from mlpnas.spec import ArchSpec
from mlpnas.training.recipe import Recipe


@dataclass(frozen=True)
class Candidate:
    """What objectives look at; what takes time is done when it is asked for, once.

    Attributes:
        spec: as declared, not its proxy.
        device: where timings are taken.
        row: of the last epoch; None before training.
        recipe, data, seed: of the training, for scores of the network that it begins with.
    """

    spec: ArchSpec
    device: str = "cpu"
    row: EpochRow | None = None
    recipe: Recipe | None = None
    data: Dataset | None = None
    seed: int = 0

    @cached_property
    def cost(self) -> Cost:
        return cost(self.spec)

    @cached_property
    def timings(self) -> tuple[float, ...]:
        """Seconds of repeated inference of one image, in the form that is exported."""
        return seconds_per_image(self.spec, self.device)

    @property
    def trained(self) -> Mapping[str, float]:
        """What was measured on val after the last epoch; raises ValueError before training."""
        if self.row is None:
            raise ValueError("not trained yet")
        return self.row.values


class Objective(Protocol):
    direction: ClassVar[str]
    unit: ClassVar[str]
    known: ClassVar[bool]
    needs_training: ClassVar[bool]
    extras: ClassVar[tuple[str, ...]]

    def measure(self, candidate: Candidate) -> float: ...

    def reference(self, limit: float | None) -> float | None: ...


def measure(wanted: Iterable[str], candidate: Candidate) -> dict[str, float]:
    """The values of the named objectives and their extras; a score that is no finite number is left out.

    Raises:
        UnknownName: an objective that does not exist.
    """
    asked = list(wanted)
    extras = [extra for name in asked for extra in find("objectives", name).extras]
    values = {name: float(find("objectives", name)().measure(candidate)) for name in dict.fromkeys([*asked, *extras])}
    return {name: value for name, value in values.items() if isfinite(value) or not is_score(name)}


def is_score(name: str) -> bool:
    """Whether an objective is a zero-cost score. Raises UnknownName where it does not exist."""
    return bool(find("objectives", name).unit == "score")


def scores(text: str = "all") -> tuple[str, ...]:
    """`snip,naswot` or `all` -> the names of zero-cost scores; none for "".

    Raises:
        UnknownName: something that is no score.
    """
    known = tuple(name for name in names("objectives") if is_score(name))
    asked = known if text == "all" else tuple(filter(None, map(str.strip, text.split(","))))
    for name in asked:
        if name not in known:
            raise UnknownName("score", name, [*known, "all"])
    return tuple(dict.fromkeys(asked))
