"""What a search optimises. One file of this folder = one number.

    class Top1:
        direction = "maximize"      or "minimize"
        unit = "share"              that `measure` returns
        known = False               True: follows from the spec alone, before anything is built
        needs_training = True       False: can be measured on the untrained network
        extras = ()                 other objectives that are recorded with it
        def measure(self, candidate: Candidate) -> float: ...
        def reference(self, limit: float | None) -> float | None: ...   worst value for the hypervolume, if any

`measure` below asks several at once; each is made without arguments.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol

from mlpnas.costs import Cost, cost
from mlpnas.objectives._timing import seconds_per_image
from mlpnas.plugins import find
from mlpnas.record import EpochRow
from mlpnas.spec import ArchSpec


@dataclass(frozen=True)
class Candidate:
    """What objectives look at; what takes time is done when it is asked for, once.

    Attributes:
        spec: as declared, not its proxy.
        device: where timings are taken.
        row: of the last epoch; None before training.
    """

    spec: ArchSpec
    device: str = "cpu"
    row: EpochRow | None = None

    @cached_property
    def cost(self) -> Cost:
        return cost(self.spec)

    @cached_property
    def timings(self) -> tuple[float, ...]:
        """Seconds of repeated inference of one image."""
        return seconds_per_image(self.spec, self.device)

    @property
    def trained(self) -> EpochRow:
        """The last epoch's row; raises ValueError before training."""
        if self.row is None:
            raise ValueError("not trained yet")
        return self.row


class Objective(Protocol):
    direction: ClassVar[str]
    unit: ClassVar[str]
    known: ClassVar[bool]
    needs_training: ClassVar[bool]
    extras: ClassVar[tuple[str, ...]]

    def measure(self, candidate: Candidate) -> float: ...

    def reference(self, limit: float | None) -> float | None: ...


def measure(names: Iterable[str], candidate: Candidate) -> dict[str, float]:
    """The values of the named objectives and their extras.

    Raises:
        UnknownName: an objective that does not exist.
    """
    asked = list(names)
    extras = [extra for name in asked for extra in find("objectives", name).extras]
    return {name: float(find("objectives", name)().measure(candidate)) for name in dict.fromkeys([*asked, *extras])}
