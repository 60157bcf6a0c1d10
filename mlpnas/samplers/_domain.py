"""Domain, what samplers know of a space, and Proposal, what they answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from mlpnas.space.codes import Candidates, Codes, Floats
from mlpnas.space.tables import Sample, Window
from mlpnas.space.tree import Answers, Choose, Pick


@dataclass(frozen=True)
class Proposal:
    """An architecture to be tried; `state` is kept in its record, and given back with it when a run resumes."""

    sample: Sample
    state: Mapping[str, Any] = field(default_factory=dict)


class Domain(Protocol):
    """Questions, and what answers cost. A SearchSpace is a domain, a complete table too.

    Architectures are answers (question path -> label) or codes (see mlpnas/space/codes.py). Every method with a
    window returns what lies inside it; `sample`, `samples` and `fit` raise BudgetError if nothing does.
    """

    @property
    def questions(self) -> Sequence[Choose]:
        """Every question, asked or not: path and labels."""
        ...

    @property
    def quantities(self) -> Sequence[str]:
        """The names of the costs that are known of every architecture before it is tried."""
        ...

    def range(self, quantity: str) -> tuple[float, float]:
        """Return the lowest and the highest cost."""
        ...

    def answers(self, pick: Pick) -> Answers:
        """Return what `pick` answers on the way down the tree."""
        ...

    def sample(self, rng: np.random.Generator, window: Window, /) -> Sample:
        """Return a uniform sample."""
        ...

    def samples(self, count: int, window: Window, rng: np.random.Generator) -> Candidates:
        """Return `count` uniform samples."""
        ...

    def fit(self, answers: Answers, window: Window, rng: np.random.Generator) -> Sample:
        """Return the architecture nearest to `answers`."""
        ...

    def mutate(self, parents: Codes, edits: Sequence[int], window: Window, rng: np.random.Generator) -> Candidates:
        """Return each of the (n, questions) parents after so many edits, except those that cannot be fitted."""
        ...

    def cross(self, mothers: Codes, fathers: Codes, window: Window, rng: np.random.Generator) -> Candidates:
        """Return a child of each pair, except those that cannot be fitted."""
        ...


class Scorer(Protocol):
    """Measures scores of architectures that were not tried yet; `names` are theirs in the records' values."""

    @property
    def names(self) -> Sequence[str]: ...

    def __call__(self, codes: Codes) -> Mapping[str, Floats]:
        """Return (n,) of each name, for codes (n, questions); NaN if one cannot be measured."""
        ...
