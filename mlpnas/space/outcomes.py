"""The outcomes of one stage: all that it can be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mlpnas.space.assemble import State
from mlpnas.space.codes import Floats, Level
from mlpnas.space.tree import Answers
from mlpnas.spec import Stage


@dataclass(frozen=True, eq=False)
class StageOutcomes:
    """All that one stage can be after a given state; one row each.

    Attributes:
        level: the rows as codes.
        costs: quantity -> (rows,).
        states: the state after each row.
    """

    answers: Sequence[Answers]
    level: Level
    stages: Sequence[Stage]
    costs: Mapping[str, Floats]
    states: Sequence[State]

    @cached_property
    def rows(self) -> Mapping[State, NDArray[np.int64]]:
        """State -> the rows that lead to it."""
        groups: dict[State, list[int]] = {}
        for row, state in enumerate(self.states):
            groups.setdefault(state, []).append(row)
        return {state: np.array(rows) for state, rows in groups.items()}
