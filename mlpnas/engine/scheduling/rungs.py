"""Which trials are trained on, and how far: what `--fidelity` asks for."""

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from mlpnas.engine.planning.sizing import Size
from mlpnas.engine.scheduling.halving import Halving
from mlpnas.errors import RunError
from mlpnas.manifest import Manifest
from mlpnas.plain_text import shortened
from mlpnas.plugins import find
from mlpnas.record import Record
from mlpnas.space.tables import QUANTITIES

_RUNGS = re.compile(r"epochs=[0-9]{1,6}(?: *, *[0-9]{1,6}){1,30}")


class Rungs:
    """Halving by the first objective that is trained for, told of every record and rebuilt by being told all again.

    Attributes:
        first: epochs of a new trial.
    """

    def __init__(self, manifest: Manifest) -> None:
        rungs = manifest.decided.fidelity or (int(manifest.decided.recipe["epochs"]),)
        costs = [name for name in manifest.decided.objectives if name in QUANTITIES]
        limited = [name for name in manifest.decided.limits if name in QUANTITIES]
        trained = [name for name in manifest.decided.objectives if find("objectives", name).needs_training]
        self.first = rungs[0]
        self._cost = [*costs, *limited, "macs"][0]
        self._objective = next(iter(trained or manifest.decided.objectives))
        self._sign = 1.0 if manifest.decided.objectives[self._objective] == "maximize" else -1.0
        self._halving = Halving(rungs, by_cost=bool(costs))

    def take(self, record: Record) -> None:
        """A trial has ended, or stopped for now."""
        value = self._sign * record.values.get(self._objective, float("-inf"))
        if record.status == "stopped" and self._cost in record.values:
            self._halving.report(record.trial, record.epochs, record.values[self._cost], value)
        else:
            self._halving.leave(record.trial)

    def next(self) -> tuple[int, int] | None:
        """A trial that deserves to be trained on, and up to which epoch."""
        return self._halving.promoted()

    def retry(self, record: Record) -> int:
        """Up to which epoch a trial that had stopped, and crashed when it went on, is trained again."""
        return self._halving.promote(record.trial, record.epochs)

    def foremost(self) -> tuple[int, int] | None:
        """The best trial that has stopped, for a search that would else end without a whole training."""
        return self._halving.foremost()

    def hopeful(self) -> set[tuple[int, int]]:
        """Trials that may go on yet, and their epochs: these states are kept."""
        return self._halving.hopeful()


def parse(text: str, objectives: Iterable[str]) -> tuple[int, ...]:
    """ "epochs=1,3,9" -> (1, 3, 9); "" -> ().

    Raises:
        RunError: no rising numbers of epochs, or nothing that could be stopped.
    """
    rungs = tuple(map(int, text.removeprefix("epochs=").split(","))) if _RUNGS.fullmatch(text) else ()
    is_rising = all(low < high for low, high in pairwise((0, *rungs)))
    if text and (not rungs or not is_rising):
        raise RunError(f"--fidelity {shortened(text)}: expected rising numbers of epochs, like epochs=1,3,9")
    if rungs and not any(find("objectives", objective).needs_training for objective in objectives):
        raise RunError(
            f"--fidelity {shortened(text)}: no objective needs a training that could be stopped; leave --fidelity out"
        )
    return rungs


def staged(size: Size, rungs: tuple[int, ...]) -> Size:
    """The recipe to the last rung, and the seconds to the first; a warm-up keeps its share where it would fill it."""
    recipe, epochs = size.recipe, rungs[-1]
    warmup = min(recipe.warmup_epochs, recipe.warmup_epochs / recipe.epochs * epochs)
    longer = replace(recipe, epochs=epochs, warmup_epochs=warmup)
    return replace(size, recipe=longer, seconds=size.seconds / recipe.epochs * rungs[0])
