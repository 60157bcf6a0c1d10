"""Typed mutation and crossover of architectures, repaired to stay inside the window; nothing is built.

One edit changes the answer to one question; the questions that the new answer opens are asked, all others keep their
answers. If the cost then lies outside the window, the smallest change of another stage brings it back.
"""

from bisect import bisect_right
from itertools import accumulate

import numpy as np

from mlpnas.space.codes import Codes
from mlpnas.space.fit import fit, nearest_chain, refit
from mlpnas.space.tables import SpaceTables, StageChain, Window


def chain_of(tables: SpaceTables, codes: Codes) -> StageChain | None:
    """Return the architecture with `codes` (questions,); None if the network's level has no such answers."""
    network, *stages = tables.split(codes)
    index = tables.level.find(network)
    return None if index is None else nearest_chain(tables.networks[index], stages)


def mutate(
    tables: SpaceTables, chain: StageChain, edits: int, window: Window, rng: np.random.Generator
) -> StageChain | None:
    """Return `chain` after `edits` edits; None if nothing near lies inside the window."""
    edited: StageChain | None = chain
    for _ in range(edits):
        edited = edited and _edit(tables, edited, rng)
    return edited and refit(edited, window, rng)


def cross(
    tables: SpaceTables, mother: Codes, father: Codes, window: Window, rng: np.random.Generator
) -> StageChain | None:
    """Return a child that takes its network level and each stage from either parent; None if nothing near is inside."""
    pairs = zip(tables.split(mother), tables.split(father), strict=True)
    return fit(tables, np.concatenate([pair[rng.integers(2)] for pair in pairs]), window, rng)


def _edit(tables: SpaceTables, chain: StageChain, rng: np.random.Generator) -> StageChain | None:
    """Change one answer, uniform among the asked questions that have another one."""
    index = tables.level.find(chain.table.codes) or 0
    editable = [tables.level.editable[index], *(options.level.editable[row] for options, row in chain.rows)]
    if not any(editable):
        return None
    number = bisect_right(list(accumulate(editable)), rng.integers(sum(editable))) - 1
    if number < 0:
        other = tables.level.edit(index, rng)
        return None if other is None else nearest_chain(tables.networks[other], tables.split(chain.codes)[1:])
    options, row = chain.rows[number]
    changed = options.level.edit(row, rng)
    if changed is None:
        return None
    rows = [*chain.rows[:number], (options, changed)]
    if options.states[changed] == options.states[row]:
        return StageChain(chain.table, [*rows, *chain.rows[number + 1 :]])
    return nearest_chain(chain.table, tables.split(chain.codes)[1:], rows)
