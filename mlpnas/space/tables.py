"""Counting tables: the number of architectures by cost, and uniform samples inside a window.

A network is a chain of stages and its cost is the sum of theirs, so architectures are counted by cost from the last
stage to the first without listing them. A combination that cannot be built (odd grids, heads that do not divide the
width) is not in the table.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np

from mlpnas.costs import Cost, cost
from mlpnas.errors import BudgetError, ShapeError
from mlpnas.named import Scalar
from mlpnas.space.assemble import Assembly, State
from mlpnas.space.codes import Codes, Floats, Level, encode
from mlpnas.space.histogram import NOTHING_LEFT, Histogram, histogram, sums
from mlpnas.space.outcomes import StageOutcomes
from mlpnas.space.tree import Answers, Fields, outcomes, questions
from mlpnas.spec import ArchSpec, Stage

SUMMED = ("macs", "params", "activation_bytes")
QUANTITIES = (*SUMMED, "peak_bytes")  # a maximum, not a sum

Window = Mapping[str, tuple[float, float]]  # quantity -> lowest, highest


class _Outcome(NamedTuple):
    answers: Answers
    stage: Stage
    cost: Cost
    state: State


@dataclass(frozen=True)
class Sample:
    """One architecture with its answers and costs."""

    answers: Answers
    spec: ArchSpec
    costs: Mapping[str, float]

    @classmethod
    def of(cls, answers: Answers, spec: ArchSpec) -> "Sample":
        """Return an architecture that comes from elsewhere, with its costs; raises ShapeError if it cannot be built."""
        total = cost(spec)
        return cls(answers, spec, {name: float(getattr(total, name)) for name in QUANTITIES})


def is_inside(costs: Mapping[str, float], window: Window) -> bool:
    """Return whether every cost lies in its part of the window."""
    return all(low <= costs[name] <= high for name, (low, high) in window.items())


Row = tuple[StageOutcomes, int]


@dataclass(frozen=True)
class StageChain:
    """One architecture as one row per stage: cheap to change, and built only on `build`."""

    table: "NetworkTable"
    rows: Sequence[Row]

    def cost(self, quantity: str) -> float:
        each = [float(options.costs[quantity][row]) for options, row in self.rows]
        return sum(each) if quantity in SUMMED else max(each)

    def is_inside(self, window: Window) -> bool:
        return all(low <= self.cost(name) <= high for name, (low, high) in window.items())

    @property
    def codes(self) -> Codes:
        """Codes of all answers, (questions of the space,)."""
        return np.concatenate([self.table.codes, *(options.level.codes[row] for options, row in self.rows)])

    def build(self) -> Sample:
        answers = dict(self.table.answers)
        for options, row in self.rows:
            answers |= options.answers[row]
        spec = self.table.assembly.spec([options.stages[row] for options, row in self.rows])
        return Sample(answers, spec, {name: self.cost(name) for name in QUANTITIES})


class NetworkTable:
    """All architectures that share one set of answers on the network's level."""

    def __init__(self, answers: Answers, codes: Codes, assembly: Assembly, stages: Sequence[Fields]) -> None:
        self.answers, self.codes, self.assembly = answers, codes, assembly
        self._questions = [tuple(questions(stage)) for stage in stages]
        self.stages = stages
        self._outcomes: dict[tuple[int, State | None], StageOutcomes] = {}
        self._ranges: dict[tuple[str, int, State | None], tuple[float, float]] = {}
        self._remaining: dict[tuple[str, int, State | None], Histogram] = {}

    def outcomes(self, number: int, state: State | None) -> StageOutcomes:
        """Return the outcomes of stage `number` after `state`."""
        if (number, state) not in self._outcomes:
            rows = list(self._build_outcomes(number, state))
            costs = {name: np.array([getattr(row.cost, name) for row in rows], float) for name in QUANTITIES}
            states = tuple(row.state for row in rows)
            answers, stages = tuple(row.answers for row in rows), tuple(row.stage for row in rows)
            level = Level(encode(self._questions[number], answers))
            self._outcomes[number, state] = StageOutcomes(answers, level, stages, costs, states)
        return self._outcomes[number, state]

    def _build_outcomes(self, number: int, state: State | None) -> Iterator[_Outcome]:
        for answers, values in outcomes(self.stages[number]):
            with suppress(ShapeError):  # does not fit here, so no row
                stage = self.assembly.stage(number, values)
                yield _Outcome(answers, stage, *self.assembly.extend(number, state, stage))

    def remaining(self, quantity: str, number: int, state: State | None) -> Histogram:
        """Return the histogram of the cost of stage `number` and all later ones."""
        if number == len(self.stages):
            return NOTHING_LEFT
        key = (quantity, number, state)
        if key not in self._remaining:
            self._remaining[key] = self._sum_histograms(quantity, number, state)
        return self._remaining[key]

    def _sum_histograms(self, quantity: str, number: int, state: State | None) -> Histogram:
        table = self.outcomes(number, state)
        pairs = []
        for following, rows in table.rows.items():
            own = histogram(table.costs[quantity][rows], np.ones(len(rows)))
            pairs.append((own, self.remaining(quantity, number + 1, following)))
        return sums([(own, rest) for own, rest in pairs if len(rest.costs)])

    def range(self, quantity: str, number: int = 0, state: State | None = None) -> tuple[float, float]:
        """Return the lowest and highest cost from stage `number` on; (inf, -inf) if nothing can be built."""
        if number == len(self.stages):
            return 0.0, 0.0
        key = (quantity, number, state)
        if key not in self._ranges:
            table, low, high = self.outcomes(number, state), np.inf, -np.inf
            for following, rows in table.rows.items():
                rest, own = self.range(quantity, number + 1, following), table.costs[quantity][rows]
                low, high = min(low, own.min() + rest[0]), max(high, own.max() + rest[1])
            self._ranges[key] = (float(low), float(high))
        return self._ranges[key]

    def is_buildable(self, number: int = 0, state: State | None = None) -> bool:
        """Return whether anything can be built from stage `number` on."""
        return self.range("macs", number, state)[0] < np.inf

    def ways(self, quantity: str, number: int, state: State | None, low: float, high: float) -> Floats:
        """Count, for each outcome of stage `number`, the ways to go on that cost from `low` to `high`."""
        table = self.outcomes(number, state)
        own, ways = table.costs[quantity], np.zeros(len(table.states))
        for following, rows in table.rows.items():
            rest = self.remaining(quantity, number + 1, following)
            ways[rows] = rest.within(low - own[rows], high - own[rows])
        return ways

    def sample(self, quantity: str, low: float, high: float, rng: np.random.Generator) -> StageChain | None:
        """Return a uniform sample of this table that costs from `low` to `high`, or None at a dead end.

        Costs that are rounded up to a raster may count architectures that a narrow window does not have.
        """
        chain: list[Row] = []
        state = None
        for number in range(len(self.stages)):
            ways = self.ways(quantity, number, state, low, high)
            if not ways.any():
                return None
            row = _choose_row(ways, rng)
            table = self.outcomes(number, state)
            own = table.costs[quantity][row]
            low, high, state = low - own, high - own, table.states[row]
            chain.append((table, row))
        return StageChain(self, chain)

    def used_answers(self) -> set[tuple[str, Scalar]]:
        """Return every (question, label) of the stages that occurs in a complete architecture."""
        used: set[tuple[str, Scalar]] = set()
        open_states: set[State | None] = {None}
        for number in range(len(self.stages)):
            following: set[State | None] = set()
            for state in open_states:
                table = self.outcomes(number, state)
                for answers, after in zip(table.answers, table.states, strict=True):
                    if self.is_buildable(number + 1, after):
                        used.update(answers.items())
                        following.add(after)
            open_states = following
        return used

    def find(self, spec: ArchSpec) -> Answers | None:
        """Return the answers that lead to `spec`, or None."""
        if len(spec.stages) != len(self.stages):
            return None
        chain: list[Row] = []
        state = None
        for number, stage in enumerate(spec.stages):
            table = self.outcomes(number, state)
            if stage not in table.stages:
                return None
            chain.append((table, table.stages.index(stage)))
            state = table.states[chain[-1][1]]
        found = StageChain(self, chain).build()
        return found.answers if found.spec == spec else None


def _choose_row(weights: Floats, rng: np.random.Generator) -> int:
    up_to = np.cumsum(weights)
    return int(np.searchsorted(up_to, rng.random() * up_to[-1], side="right"))


class SpaceTables:
    """The tables of a whole space, one per set of answers on the network's level; `image` as in Assembly."""

    def __init__(self, network: Fields, stages: Sequence[Fields], image: Mapping[str, int]) -> None:
        self._network, self._stages, self._image = network, stages, image
        self._weights_of: dict[tuple[str, float, float], Floats] = {}

    @cached_property
    def networks(self) -> tuple[NetworkTable, ...]:
        found, asked = [], tuple(questions(self._network))
        for answers, values in outcomes(self._network):
            with suppress(ShapeError):
                assembly = Assembly(values, len(self._stages), self._image)
                found.append(NetworkTable(answers, encode(asked, [answers])[0], assembly, self._stages))
        return tuple(found)

    @cached_property
    def level(self) -> Level:
        """The answers on the network's level as codes, one row per table."""
        return Level(np.array([table.codes for table in self.networks], np.int16))

    def split(self, codes: Codes) -> list[Codes]:
        """Return the parts of an architecture's codes: the network's, then each stage's."""
        return [codes[start:end] for start, end in pairwise(self._cuts)]

    @cached_property
    def _cuts(self) -> list[int]:
        return list(accumulate((len(list(questions(level))) for level in (self._network, *self._stages)), initial=0))

    def count(self, quantity: str = "macs", low: float = 0.0, high: float = np.inf) -> float:
        """Return the number of architectures that cost from `low` to `high`; exact below 2^53."""
        return float(self._weights(quantity, low, high).sum())

    def _weights(self, quantity: str, low: float, high: float) -> Floats:
        key = (quantity, low, high)
        if key not in self._weights_of:
            self._weights_of[key] = np.array(
                [table.ways(quantity, 0, None, low, high).sum() for table in self.networks]
            )
        return self._weights_of[key]

    def range(self, quantity: str) -> tuple[float, float]:
        """Return the lowest and highest cost of the space; (inf, -inf) if nothing can be built."""
        ends = [table.range(quantity) for table in self.networks]
        return min((low for low, _ in ends), default=np.inf), max((high for _, high in ends), default=-np.inf)

    def used_answers(self) -> set[tuple[str, Scalar]]:
        """Return every (question, label) that occurs in a complete architecture."""
        used: set[tuple[str, Scalar]] = set()
        for table in self.networks:
            if table.is_buildable():
                used |= set(table.answers.items()) | table.used_answers()
        return used

    def find(self, spec: ArchSpec) -> Answers | None:
        """Return the answers that lead to `spec`, or None."""
        return next((answers for table in self.networks if (answers := table.find(spec)) is not None), None)

    def sample(self, quantity: str, low: float, high: float, rng: np.random.Generator) -> StageChain | None:
        """Return a uniform sample that costs from `low` to `high`; None at a dead end: try again.

        Raises:
            BudgetError: there is none.
        """
        weights = self._weights(quantity, low, high)
        if not weights.any():
            raise BudgetError(
                f"no architecture of the space has {quantity} from {low:,.0f} to {high:,.0f}; "
                "raise the budget, or lower the share of it that is to be filled (--fill)"
            )
        return self.networks[_choose_row(weights, rng)].sample(quantity, low, high, rng)
