"""Answers as numbers: one row per architecture, one column per question.

A code is the index of the answer among the question's labels, and -1 if the question is not asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpnas.space.tree import Answers, Choose

Codes = NDArray[np.int16]  # enough: a space file may hold fewer values than int16 has
Floats = NDArray[np.float64]


class Candidates(NamedTuple):
    """Architectures as codes (n, questions) with their costs, quantity -> (n,); not built."""

    codes: Codes
    costs: Mapping[str, Floats]

    def take(self, rows: NDArray[np.int64]) -> "Candidates":
        return Candidates(self.codes[rows], {name: each[rows] for name, each in self.costs.items()})


def encode(questions: Sequence[Choose], answers: Iterable[Answers]) -> Codes:
    """Return codes (rows, questions); answers to other questions are ignored."""
    numbers = [{label: code for code, label in enumerate(question.labels)} for question in questions]
    paths = [question.path for question in questions]
    # null is an answer too: a question was not asked only if its path is missing
    columns = list(zip(paths, numbers, strict=True))
    rows = [[known.get(row[path], -1) if path in row else -1 for path, known in columns] for row in answers]
    return np.array(rows, np.int16).reshape(len(rows), len(paths))


def decode(questions: Sequence[Choose], codes: Codes) -> Answers:
    """Return the answers of one row."""
    return {q.path: q.labels[code] for q, code in zip(questions, codes, strict=True) if code >= 0}


def distance(rows: Codes, wanted: Codes) -> NDArray[np.int64]:
    """Count the answers of each row that are new or different; a question that is no longer asked does not count."""
    return ((rows >= 0) & (rows != wanted)).sum(axis=-1)


class Level:
    """All rows of codes of one level of the tree (the network or a stage).

    Args:
        codes: (rows, questions of the level), no two rows alike.
    """

    def __init__(self, codes: Codes) -> None:
        self.codes = codes
        self._known: dict[int, list[list[list[int]]]] = {}

    def find(self, codes: Codes) -> int | None:
        """Return the row with exactly these answers, or None."""
        return self._row_of.get(codes.tobytes())

    @cached_property
    def _row_of(self) -> Mapping[bytes, int]:
        return {codes.tobytes(): row for row, codes in enumerate(self.codes)}

    @cached_property
    def editable(self) -> list[int]:
        """Number of questions of each row that have other answers."""
        is_open = np.array([len(np.unique(column[column >= 0])) > 1 for column in self.codes.T], bool)
        return ((self.codes >= 0) & is_open).sum(axis=1).tolist()

    def edit(self, row: int, rng: np.random.Generator) -> int | None:
        """Return a random row that differs in one answer and in the questions it opens; None if there is none."""
        options: Any = self._edits(row)
        while options and not isinstance(options, int):  # a question, an answer, a row
            options = options[rng.integers(len(options))]
        return options if isinstance(options, int) else None

    def _edits(self, row: int) -> list[list[list[int]]]:
        """Return rows, by question and new answer, that differ in it and in questions only one of the two asks."""
        if row not in self._known:
            own = self.codes[row]
            differ = (self.codes != own) & (self.codes >= 0) & (own >= 0)
            near = np.flatnonzero(differ.sum(axis=1) == 1)
            found: dict[int, dict[int, list[int]]] = {}
            for other, question in zip(near.tolist(), differ[near].argmax(axis=1).tolist(), strict=True):
                found.setdefault(question, {}).setdefault(int(self.codes[other, question]), []).append(other)
            self._known[row] = [list(answers.values()) for answers in found.values()]
        return self._known[row]
