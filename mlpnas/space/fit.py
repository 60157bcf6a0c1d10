"""Re-fit a proposal: the architecture nearest to the given answers that can be built and keeps every limit."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mlpnas.errors import BudgetError
from mlpnas.space.tables import SUMMED, Draw, NetworkTable, SpaceTables, StageOutcomes
from mlpnas.space.tree import Answers

Limits = Mapping[str, tuple[float, float]]  # quantity -> lowest, highest


def fit(tables: SpaceTables, answers: Answers, limits: Limits, rng: np.random.Generator) -> Draw:
    """The nearest architecture inside the limits: as few answers as possible differ, then the dearest of those.

    Raises:
        BudgetError: nothing in the space keeps the limits.
    """
    for table in sorted(tables.networks, key=lambda table: _distance(table.answers, answers)):
        if (draw := _fit_network(table, answers, limits, rng)) is not None:
            return draw
    raise BudgetError("no architecture of the space keeps the limits")


def _distance(own: Answers, wanted: Answers) -> int:
    """Answers that are new or different; a question that is no longer asked costs nothing."""
    return sum(path not in wanted or wanted[path] != label for path, label in own.items())


def _fit_network(table: NetworkTable, answers: Answers, limits: Limits, rng: np.random.Generator) -> Draw | None:
    chain = _nearest_chain(table, answers)
    if chain is None:
        return None
    for number in (-1, *rng.permutation(len(chain))):
        if number >= 0:
            chain[number] = _replaced(chain, number, answers, limits)
        if all(low <= _total(chain, name) <= high for name, (low, high) in limits.items()):
            return table.drawn(chain)
    return None


Row = tuple[StageOutcomes, int]


def _nearest_chain(table: NetworkTable, answers: Answers) -> list[Row] | None:
    """Stage by stage the nearest outcome that leaves the later stages a way to be built."""
    chain: list[Row] = []
    state = None
    for number in range(len(table.stages)):
        options = table.outcomes(number, state)
        open_ends = np.array([table.buildable(number + 1, after) for after in options.states], bool)
        if not open_ends.any():
            return None
        chain.append((options, _nearest(options, open_ends, answers)))
        state = options.states[chain[-1][1]]
    return chain


def _nearest(options: StageOutcomes, allowed: NDArray[np.bool_], answers: Answers) -> int:
    distance = np.array([_distance(own, answers) for own in options.answers], float)
    return int(np.lexsort((-options.costs["macs"], np.where(allowed, distance, np.inf)))[0])


def _replaced(chain: Sequence[Row], number: int, answers: Answers, limits: Limits) -> Row:
    """This stage as near as the others leave room for; where they leave none, as close to the room as it can be."""
    options, row = chain[number]
    outside = np.zeros(len(options.states))
    for name, (low, high) in limits.items():
        others = _total([*chain[:number], *chain[number + 1 :]], name) if name in SUMMED else 0.0
        total = options.costs[name] + others
        outside += np.maximum(0, total - high) / high + np.maximum(0, low - total) / high
    outside[[state != options.states[row] for state in options.states]] = np.inf
    return options, _nearest(options, outside == outside.min(), answers)


def _total(chain: Sequence[Row], name: str) -> float:
    costs = [float(options.costs[name][row]) for options, row in chain]
    return sum(costs) if name in SUMMED else max(costs, default=0.0)
