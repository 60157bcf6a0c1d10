"""Re-fit a proposal: the architecture nearest to the given answers that can be built and keeps every limit."""

from collections.abc import Sequence

import numpy as np

from mlpnas.space.assemble import State
from mlpnas.space.codes import Codes, Floats, distance
from mlpnas.space.outcomes import StageOutcomes
from mlpnas.space.tables import SUMMED, NetworkTable, Row, SpaceTables, StageChain, Window


def fit(tables: SpaceTables, codes: Codes, window: Window, rng: np.random.Generator) -> StageChain | None:
    """The nearest architecture inside the limits: as few answers as possible differ, then any of those.

    Args:
        codes: (questions of the space,)

    Returns:
        None where no change of single stages leads into the limits.
    """
    network, *stages = tables.split(codes)
    for index in np.argsort(distance(tables.level.codes, network), kind="stable"):
        chain = nearest_chain(tables.networks[index], stages)
        if chain is not None and (fitted := refit(chain, window, rng)) is not None:
            return fitted
    return None


def nearest_chain(table: NetworkTable, stages: Sequence[Codes], kept: Sequence[Row] = ()) -> StageChain | None:
    """Stage by stage the nearest outcome that leaves the later stages a way to be built; None where there is none.

    Args:
        stages: the codes of each stage.
        kept: the first stages, taken as they are.
    """
    rows = list(kept)
    for number in range(len(rows), len(stages)):
        options = table.outcomes(number, _state(rows))
        row = options.level.find(stages[number])
        if row is None or not table.buildable(number + 1, options.states[row]):
            allowed = [table.buildable(number + 1, after) for after in options.states]
            if not any(allowed):
                return None
            row = int(np.where(allowed, distance(options.level.codes, stages[number]), np.inf).argmin())
        rows.append((options, row))
    return StageChain(table, rows)


def _state(rows: Sequence[Row]) -> State | None:
    return rows[-1][0].states[rows[-1][1]] if rows else None


def refit(chain: StageChain, window: Window, rng: np.random.Generator) -> StageChain | None:
    """Changes one stage after the other, in random order, until every limit is kept; None where that does not help."""
    if chain.is_inside(window):
        return chain
    rows = list(chain.rows)
    for number in rng.permutation(len(rows)):
        others = StageChain(chain.table, [*rows[:number], *rows[number + 1 :]])
        rows[number] = rows[number][0], _replaced(rows[number], others, window, rng)
        if (changed := StageChain(chain.table, rows)).is_inside(window):
            return changed
    return None


def _replaced(row: Row, others: StageChain, window: Window, rng: np.random.Generator) -> int:
    """The nearest outcome that the other stages leave room for; where they leave none, as close to it as can be."""
    options, chosen = row
    same_end = options.rows[options.states[chosen]]  # what follows can then stay
    outside = _outside(options, others, window)[same_end]
    far = distance(options.level.codes[same_end], options.level.codes[chosen]) + rng.random(len(same_end))
    return int(same_end[np.where(outside == outside.min(), far, np.inf).argmin()])


def _outside(options: StageOutcomes, others: StageChain, window: Window) -> Floats:
    """How far each outcome misses the limits, in shares of the upper ones."""
    outside = np.zeros(len(options.states))
    for name, (low, high) in window.items():
        total = options.costs[name] + (others.cost(name) if name in SUMMED else 0.0)
        outside += np.maximum(np.maximum(total - high, low - total), 0.0) / high
    return outside
