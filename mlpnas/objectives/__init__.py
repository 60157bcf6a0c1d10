"""The numbers that a search optimises. One file of this folder is one number, and says all about it.

    class Top5(Classification):          # or Objective, Expense, Metric, Score: what many have in common
        direction = "maximize"           # or "minimize"
        unit = "share"                   # of what `measure` returns
        label = "top-5"                  # the name that people read
        format = PERCENT                 # how a value is shown, see units.Format
        needs_training = True            # False: it can be measured on the untrained network
        tasks = ("classify",)            # in which it exists; (): in all
        extras = ()                      # other objectives that are recorded with it
        column = "top5"                  # of the epochs table, if an evaluation measures it after every epoch
        is_proportion = True             # a share of the val images, whose number says how sure it is
        def measure(self, candidate: Candidate) -> float: ...
        def reference(self, limit: float | None) -> float | None: ...   # worst value for the hypervolume, if any

`measure` below asks several at once; each is made without arguments. Those whose unit is "score" are zero-cost scores:
guesses at the accuracy, to be measured beside the objectives of a search (see `_scores.py` and mlpnas/audit.py).

Importing an objective that does not compute with tensors loads no torch, so that what is shown of a run is shown soon.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from math import isfinite
from typing import TYPE_CHECKING, ClassVar

from mlpnas.errors import UnknownName
from mlpnas.plugins import class_name, find, names
from mlpnas.units import NUMBER, PERCENT, Format

if TYPE_CHECKING:
    from mlpnas.costs import Cost
    from mlpnas.datasets import Dataset
    from mlpnas.record import EpochRow
    from mlpnas.spec import ArchSpec
    from mlpnas.training.predictions import Counts, Predictions
    from mlpnas.training.recipe import Recipe
    from mlpnas.training.task import Task


@dataclass(frozen=True)
class Candidate:
    """An architecture that objectives are measured on; what takes time is done when it is asked for, once.

    Attributes:
        spec: as declared, not its proxy.
        device: where timings are taken.
        row: of the last epoch; None before training.
        task, recipe, data, seed: of the training, for scores of the network that it begins with.
    """

    spec: "ArchSpec"
    device: str = "cpu"
    row: "EpochRow | None" = None
    task: "Task | None" = None
    recipe: "Recipe | None" = None
    data: "Dataset | None" = None
    seed: int = 0

    @cached_property
    def cost(self) -> "Cost":
        """The cost of the declared network."""
        from mlpnas.costs import cost

        return cost(self.spec)

    @cached_property
    def timings(self) -> tuple[float, ...]:
        """Seconds of repeated inference of one image, in the form that is exported."""
        from mlpnas.objectives._timing import seconds_per_image

        return seconds_per_image(self.spec, self.device)

    @property
    def trained(self) -> Mapping[str, float]:
        """The values on val after the last epoch; raises ValueError before training."""
        if self.row is None:
            raise ValueError("not trained yet")
        return self.row.values


class Objective:
    """One number of a trial, and all that others need to know of it; the attributes are explained above."""

    direction: ClassVar[str] = "minimize"
    unit: ClassVar[str] = ""
    label: ClassVar[str] = ""
    format: ClassVar[Format] = NUMBER
    needs_training: ClassVar[bool] = False
    tasks: ClassVar[tuple[str, ...]] = ()
    extras: ClassVar[tuple[str, ...]] = ()
    column: ClassVar[str] = ""
    is_proportion: ClassVar[bool] = False

    def measure(self, candidate: Candidate) -> float:
        """Return the number, in the unit."""
        raise NotImplementedError

    def reference(self, limit: float | None) -> float | None:
        """Return a value that is worse than all others, given the run's upper limit; None if there is none."""
        return None

    def objection(self, classes: int) -> str:
        """Return why a search on data of so many classes must not have this objective, or ""."""
        return ""


class Metric(Objective):
    """An objective that an evaluation on val measures after every epoch, in the column of that name."""

    needs_training = True

    def measure(self, candidate: Candidate) -> float:
        return candidate.trained[self.column]


class Classification(Metric):
    """A share of val, counted by the evaluation after every epoch."""

    direction = "maximize"
    unit = "share"
    format = PERCENT
    tasks = ("classify",)

    @abstractmethod
    def count(self, batch: "Predictions") -> "Counts":
        """Return counts of a batch, which are added up over all batches."""

    @abstractmethod
    def value(self, total: "Counts") -> float:
        """Return the share, made of the sum of all counts."""

    def reference(self, limit: float | None) -> float | None:
        return 0.0


class Expense(Objective):
    """An objective to minimize, whose worst value is the run's upper limit of it."""

    def reference(self, limit: float | None) -> float | None:
        return limit


def measure(wanted: Iterable[str], candidate: Candidate) -> dict[str, float]:
    """Return the values of the named objectives and their extras; a score that is no finite number is left out.

    Raises:
        UnknownName: an objective that does not exist.
    """
    asked = list(wanted)
    extras = [extra for name in asked for extra in find("objectives", name).extras]
    values = {name: float(find("objectives", name)().measure(candidate)) for name in dict.fromkeys([*asked, *extras])}
    return {name: value for name, value in values.items() if isfinite(value) or not is_score(name)}


@cache
def describe(name: str) -> type[Objective]:
    """Return the objective of this name, for what it says of itself.

    A column of a run may have a name that nothing here is called by, and a plug-in may leave attributes out: what they
    do not say is said by the name and the base class.
    """
    bases: tuple[type, ...] = (Objective,)
    if name in names("objectives"):
        found = find("objectives", name)
        if issubclass(found, Objective) and found.label:
            return found
        bases = (found,) if issubclass(found, Objective) else (found, Objective)
    return type(class_name(name), bases, {"label": name.replace("_", " ")})


def is_score(name: str) -> bool:
    """Return whether an objective is a zero-cost score.

    Raises:
        UnknownName: it does not exist.
    """
    return bool(find("objectives", name).unit == "score")


def scores(text: str = "all") -> tuple[str, ...]:
    """Return the names of zero-cost scores: `snip,naswot` or `all`; none for "".

    Raises:
        UnknownName: something that is no score.
    """
    known = tuple(name for name in names("objectives") if is_score(name))
    asked = known if text == "all" else tuple(filter(None, map(str.strip, text.split(","))))
    for name in asked:
        if name not in known:
            raise UnknownName("score", name, [*known, "all"])
    return tuple(dict.fromkeys(asked))
