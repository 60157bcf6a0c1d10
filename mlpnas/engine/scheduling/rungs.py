"""The rungs of `--fidelity`: which trials are promoted, and how far each is trained."""

import re
from collections.abc import Container, Iterable
from itertools import pairwise

from mlpnas.engine.objectives import need_training
from mlpnas.engine.scheduling.halving import Halving
from mlpnas.errors import RunError
from mlpnas.manifest import Manifest
from mlpnas.plain_text import shortened
from mlpnas.plugins import find
from mlpnas.record import Record

_RUNGS = re.compile(r"epochs=[0-9]{1,6}(?: *, *[0-9]{1,6}){1,30}")


class Rungs(Halving):
    """Successive halving of a run's trials by the first objective that needs a training.

    It is told every record; telling a new one all records of a run again rebuilds it.

    Args:
        quantities: the costs that the space knows before training.

    Attributes:
        first: epochs of a new trial.
    """

    def __init__(self, manifest: Manifest, quantities: Container[str]) -> None:
        rungs = manifest.decided.fidelity or (int(manifest.decided.recipe["epochs"]),)
        costs = [name for name in manifest.decided.objectives if name in quantities]
        limited = [name for name in manifest.decided.limits if name in quantities]
        trained = [name for name in manifest.decided.objectives if find("objectives", name).needs_training]
        self.first = rungs[0]
        self._cost = [*costs, *limited, "macs"][0]
        self._objective = next(iter(trained or manifest.decided.objectives))
        self._sign = 1.0 if manifest.decided.objectives[self._objective] == "maximize" else -1.0
        super().__init__(rungs, by_cost=bool(costs))

    def take(self, record: Record) -> None:
        """Take the record of a trial that has ended, or stopped for now."""
        value = self._sign * record.values.get(self._objective, float("-inf"))
        if record.status == "stopped" and self._cost in record.values:
            self.report(record.trial, record.epochs, record.values[self._cost], value)
        else:
            self.retire(record.trial)


def parse(text: str, objectives: Iterable[str]) -> tuple[int, ...]:
    """Read rungs: "epochs=1,3,9" -> (1, 3, 9); "" -> ().

    Raises:
        RunError: the epochs do not rise, or no objective needs a training that could be stopped.
    """
    rungs = tuple(map(int, text.removeprefix("epochs=").split(","))) if _RUNGS.fullmatch(text) else ()
    is_rising = all(low < high for low, high in pairwise((0, *rungs)))
    if text and (not rungs or not is_rising):
        raise RunError(f"--fidelity {shortened(text)}: expected rising numbers of epochs, like epochs=1,3,9")
    if rungs and not need_training(objectives):
        raise RunError(
            f"--fidelity {shortened(text)}: no objective needs a training that could be stopped; leave --fidelity out"
        )
    return rungs
