"""A complete table of architectures as a samplers' Domain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mlpnas.errors import BudgetError, DataError
from mlpnas.space.codes import Candidates, Codes, Level, decode, encode
from mlpnas.space.tables import Window
from mlpnas.space.tree import Answers, Choose, Fixed, Option, Pick

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class TableSample:
    """One row of the table, in place of mlpnas.space's Sample."""

    row: int
    answers: Answers
    costs: Mapping[str, float]


class Table:
    """A complete table as a Domain (mlpnas.samplers.Domain)."""

    def __init__(self, path: Path, questions: Sequence[str], value: str, cost: str, low_fidelity: str | None) -> None:
        columns = [*questions, value, cost, *([low_fidelity] if low_fidelity else [])]
        names = pq.read_schema(path).names
        if missing := set(columns) - set(names):
            raise DataError(f"{path.name}: no column {', '.join(sorted(missing))}; it has {', '.join(names)}")
        table = pq.read_table(path, columns=list(dict.fromkeys(columns)))
        answers = {name: [_or_none(answer) for answer in table[name].to_pylist()] for name in questions}
        self.questions = [_question(name, answers[name]) for name in questions]
        rows = [{name: answers[name][row] for name in questions} for row in range(table.num_rows)]
        self.level = Level(encode(self.questions, rows))
        self.value, self.values = value, _numbers(table, value)
        self.low = _numbers(table, low_fidelity) if low_fidelity else None
        self.cost, self.costs = cost, _numbers(table, cost)
        self.quantities = (cost,)
        self._inside: dict[tuple[float, float], Rows] = {}

    def range(self, quantity: str) -> tuple[float, float]:
        return float(self.costs.min()), float(self.costs.max())

    def answers(self, pick: Pick) -> Answers:
        """Ask the questions that have answers in rows with the answers so far."""
        answers, open_rows = {}, np.ones(len(self.costs), bool)
        for number, question in enumerate(self.questions):
            codes = self.level.codes[:, number]
            if (codes[open_rows] >= 0).any():
                answers[question.path] = pick(question)
                open_rows &= codes == question.labels.index(answers[question.path])
        return answers

    def inside(self, window: Window) -> Rows:
        bounds = window.get(self.cost, (0.0, np.inf))
        if bounds not in self._inside:
            self._inside[bounds] = np.flatnonzero((bounds[0] <= self.costs) & (self.costs <= bounds[1]))
        if not len(self._inside[bounds]):
            raise BudgetError(f"no row of the table has {self.cost} from {bounds[0]:g} to {bounds[1]:g}")
        return self._inside[bounds]

    def valued(self, window: Window) -> Rows:
        """Return the rows inside whose training did not fail."""
        inside = self.inside(window)
        found = inside[np.isfinite(self.values[inside])]
        if not len(found):
            raise DataError(f"the table has no {self.value} where {self.cost} is within the cap")
        return found

    def at(self, row: int) -> TableSample:
        codes = self.level.codes[row]
        return TableSample(int(row), decode(self.questions, codes), {self.cost: float(self.costs[row])})

    def sample(self, rng: np.random.Generator, window: Window) -> TableSample:
        return self.at(rng.choice(self.inside(window)))

    def samples(self, count: int, window: Window, rng: np.random.Generator) -> Candidates:
        return self._candidates(rng.choice(self.inside(window), count))

    def fit(self, answers: Answers, window: Window, rng: np.random.Generator) -> TableSample:
        return self.at(int(self._nearest(encode(self.questions, [answers]), window, rng)[0]))

    def mutate(self, parents: Codes, edits: Sequence[int], window: Window, rng: np.random.Generator) -> Candidates:
        rows = [self._edited(codes, number, rng) for codes, number in zip(parents, edits, strict=True)]
        return self._candidates(self._nearest(self.level.codes[rows], window, rng))

    def _edited(self, codes: Codes, edits: int, rng: np.random.Generator) -> int:
        row = self.level.find(codes)
        assert row is not None, "parents are rows of the table"
        for _ in range(edits):
            edited = self.level.edit(row, rng)
            row = row if edited is None else edited
        return row

    def cross(self, mothers: Codes, fathers: Codes, window: Window, rng: np.random.Generator) -> Candidates:
        children = np.where(rng.random(mothers.shape) < 0.5, mothers, fathers)
        return self._candidates(self._nearest(children, window, rng))

    def _nearest(self, codes: Codes, window: Window, rng: np.random.Generator) -> Rows:
        """Return, for each of the codes (n, questions), the nearest row inside the window; ties by chance."""
        inside = self.inside(window)
        rows = np.array([-1 if (row := self.level.find(own)) is None else row for own in codes])
        out = np.flatnonzero(~np.isin(rows, inside))
        agree = self._one_hot(codes[out]) @ self._one_hot(self.level.codes[inside]).T
        far = (self.level.codes[inside] >= 0).sum(axis=1) - agree + rng.random(agree.shape) / 2
        rows[out] = inside[far.argmin(axis=1)]
        return rows

    def _one_hot(self, codes: Codes) -> NDArray[np.float32]:
        parts = [codes[:, [place]] == np.arange(len(q.labels)) for place, q in enumerate(self.questions)]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def _candidates(self, rows: Sequence[int] | Rows) -> Candidates:
        rows = np.asarray(rows, np.int64)
        return Candidates(self.level.codes[rows], {self.cost: self.costs[rows]})


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    """Return the numbers (rows,) of a column; nan if empty."""
    kind = table.schema.field(name).type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        raise DataError(f"column {name}: numbers are needed, it holds {kind}")
    return table[name].to_numpy().astype(float)


def _or_none(answer: Any) -> Any:
    """Return an answer, or None for the nan of pandas."""
    return None if answer != answer else answer


def _question(name: str, column: Sequence[Any]) -> Choose:
    labels = sorted({answer for answer in column if answer is not None})
    return Choose(name, tuple(Option(label, Fixed(label)) for label in labels))
