"""Who proposes: one file per sampler, found by name.

A sampler knows a tree of questions, costs and a window; nothing of networks, training or Ray.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from mlpnas.errors import RunError
from mlpnas.named import Named
from mlpnas.plugins import choose
from mlpnas.record import Record
from mlpnas.search_options import SamplerObject
from mlpnas.space.codes import Candidates, Codes
from mlpnas.space.tables import Sample, Window
from mlpnas.space.tree import Answers, Choose, Pick


@dataclass(frozen=True)
class Proposal:
    """What a sampler wants to be tried; `state` is kept in the record and given back by `tell` when a run resumes."""

    sample: Sample
    state: Mapping[str, Any] = field(default_factory=dict)


class Sampler(Protocol):
    """`__init__(domain, window, objectives, seed)`; objectives: name -> "maximize" | "minimize". One with the option
    `scorer` is given one (see known_cost.py) where the run measures scores.

    `ask(trial)` proposes an architecture inside the window, from (seed, trial) and what it was told alone, so that a
    resumed run goes on as the uninterrupted one would. `tell` takes every record of a proposal, finished or failed,
    and on resume those of earlier processes in their order; one with origin duplicate ends its proposal without news.
    """

    def ask(self, trial: int) -> Proposal: ...

    def tell(self, record: Record) -> None: ...


def choose_sampler(asked: Named | SamplerObject) -> tuple[Any, dict[str, Any]]:
    """Return the class of a sampler, and its options; raises MlpnasError where there is none, or no such option."""
    if not isinstance(asked, Named):
        raise RunError(f"--sampler {asked}: an object is no sampler of ours; name one")
    return choose("samplers", asked, skip=4)


class Domain(Protocol):
    """What a sampler knows of a space: questions, and what answers cost. A SearchSpace is one, a complete table too.

    Architectures are answers (question path -> label) or codes (see mlpnas/space/codes.py). Every method with a
    window returns what lies inside it; `sample`, `samples` and `fit` raise BudgetError where nothing does.
    """

    @property
    def questions(self) -> Sequence[Choose]:
        """Every question, asked or not: path and labels."""
        ...

    @property
    def quantities(self) -> Sequence[str]:
        """What is known of every architecture before it is tried: the names of its costs."""
        ...

    def range(self, quantity: str) -> tuple[float, float]:
        """Lowest and highest cost."""
        ...

    def answers(self, pick: Pick) -> Answers:
        """What `pick` answers on the way down the tree."""
        ...

    def sample(self, rng: np.random.Generator, window: Window, /) -> Sample:
        """One, uniform."""
        ...

    def samples(self, count: int, window: Window, rng: np.random.Generator) -> Candidates:
        """Many, uniform."""
        ...

    def fit(self, answers: Answers, window: Window, rng: np.random.Generator) -> Sample:
        """The one nearest to `answers`."""
        ...

    def mutate(self, parents: Codes, edits: Sequence[int], window: Window, rng: np.random.Generator) -> Candidates:
        """Each of the (n, questions) parents after so many edits; those that cannot be brought inside are left out."""
        ...

    def cross(self, mothers: Codes, fathers: Codes, window: Window, rng: np.random.Generator) -> Candidates:
        """A child of each pair; those that cannot be brought inside are left out."""
        ...
