"""Fitting: the architecture nearest to given answers that can be built and lies inside a window."""

from collections.abc import Sequence

import numpy as np

from mlpnas.space.assemble import State
from mlpnas.space.codes import Codes, Floats, distance
from mlpnas.space.outcomes import StageOutcomes
from mlpnas.space.tables import SUMMED, NetworkTable, Row, SpaceTables, StageChain, Window


def fit(tables: SpaceTables, codes: Codes, window: Window, rng: np.random.Generator) -> StageChain | None:
    """Return the nearest architecture inside the window: the fewest answers differ; ties by chance.

    Args:
        codes: (questions of the space,)

    Returns:
        None if no change of single stages leads into the window.
    """
    network, *stages = tables.split(codes)
    for index in np.argsort(distance(tables.level.codes, network), kind="stable"):
        chain = nearest_chain(tables.networks[index], stages)
        if chain is not None and (fitted := refit(chain, window, rng)) is not None:
            return fitted
    return None


def nearest_chain(table: NetworkTable, stages: Sequence[Codes], kept: Sequence[Row] = ()) -> StageChain | None:
    """Choose, stage by stage, the nearest outcome after which the network can still be built; None if there is none.

    Args:
        stages: the codes of each stage.
        kept: the first stages, which stay unchanged.
    """
    rows = list(kept)
    for number in range(len(rows), len(stages)):
        options = table.outcomes(number, _state(rows))
        row = options.level.find(stages[number])
        if row is None or not table.is_buildable(number + 1, options.states[row]):
            allowed = [table.is_buildable(number + 1, after) for after in options.states]
            if not any(allowed):
                return None
            row = int(np.where(allowed, distance(options.level.codes, stages[number]), np.inf).argmin())
        rows.append((options, row))
    return StageChain(table, rows)


def _state(rows: Sequence[Row]) -> State | None:
    return rows[-1][0].states[rows[-1][1]] if rows else None


def refit(chain: StageChain, window: Window, rng: np.random.Generator) -> StageChain | None:
    """Change one stage after the other, in random order, until the window is kept; return None if it never is."""
    if chain.is_inside(window):
        return chain
    rows = list(chain.rows)
    for number in rng.permutation(len(rows)):
        others = StageChain(chain.table, [*rows[:number], *rows[number + 1 :]])
        rows[number] = rows[number][0], _nearest_inside(rows[number], others, window, rng)
        if (changed := StageChain(chain.table, rows)).is_inside(window):
            return changed
    return None


def _nearest_inside(row: Row, others: StageChain, window: Window, rng: np.random.Generator) -> int:
    """Return the nearest option that keeps the whole network inside the window, else the one that misses it least."""
    options, chosen = row
    same_end = options.rows[options.states[chosen]]  # so the later stages still fit
    outside = _violation(options, others, window)[same_end]
    far = distance(options.level.codes[same_end], options.level.codes[chosen]) + rng.random(len(same_end))
    return int(same_end[np.where(outside == outside.min(), far, np.inf).argmin()])


def _violation(options: StageOutcomes, others: StageChain, window: Window) -> Floats:
    """Return how far each outcome misses the window, as shares of the upper limits."""
    outside = np.zeros(len(options.states))
    for name, (low, high) in window.items():
        total = options.costs[name] + (others.cost(name) if name in SUMMED else 0.0)
        outside += np.maximum(np.maximum(total - high, low - total), 0.0) / high
    return outside
