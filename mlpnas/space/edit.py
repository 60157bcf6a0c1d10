"""Typed mutation and crossover of architectures, brought back inside the limits; nothing is built.

One edit answers one question anew; the questions that a new answer opens are asked again, all others keep their
answers. What a change of cost pushes over a limit, the nearest change of another stage brings back.
"""

from bisect import bisect_right
from itertools import accumulate

import numpy as np

from mlpnas.space.codes import Codes
from mlpnas.space.fit import fit, nearest_chain, refit
from mlpnas.space.tables import SpaceTables, StageChain, Window


def chain_of(tables: SpaceTables, codes: Codes) -> StageChain | None:
    """The architecture of a space; None where the network's level has no such answers. codes: (questions,)"""
    network, *stages = tables.split(codes)
    index = tables.level.find(network)
    return None if index is None else nearest_chain(tables.networks[index], stages)


def mutated(
    tables: SpaceTables, chain: StageChain, edits: int, window: Window, rng: np.random.Generator
) -> StageChain | None:
    """An architecture after `edits` edits; None where nothing near keeps the limits."""
    edited: StageChain | None = chain
    for _ in range(edits):
        edited = edited and _edited(tables, edited, rng)
    return edited and refit(edited, window, rng)


def crossed(
    tables: SpaceTables, mother: Codes, father: Codes, window: Window, rng: np.random.Generator
) -> StageChain | None:
    """The network and each stage from one of the two, by the toss of a coin; None where nothing near is inside."""
    pairs = zip(tables.split(mother), tables.split(father), strict=True)
    return fit(tables, np.concatenate([pair[rng.integers(2)] for pair in pairs]), window, rng)


def _edited(tables: SpaceTables, chain: StageChain, rng: np.random.Generator) -> StageChain | None:
    """One question anew, uniform among those asked that could be answered otherwise."""
    index = tables.level.find(chain.table.codes) or 0
    editable = [tables.level.editable[index], *(options.level.editable[row] for options, row in chain.rows)]
    if not any(editable):
        return None
    number = bisect_right(list(accumulate(editable)), rng.integers(sum(editable))) - 1
    if number < 0:
        other = tables.level.edited(index, rng)
        return None if other is None else nearest_chain(tables.networks[other], tables.split(chain.codes)[1:])
    options, row = chain.rows[number]
    changed = options.level.edited(row, rng)
    if changed is None:
        return None
    rows = [*chain.rows[:number], (options, changed)]
    if options.states[changed] == options.states[row]:
        return StageChain(chain.table, [*rows, *chain.rows[number + 1 :]])
    return nearest_chain(chain.table, tables.split(chain.codes)[1:], rows)
