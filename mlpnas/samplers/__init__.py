"""Who proposes: one file per sampler, found by name.

A sampler knows a tree of questions, costs and a window; nothing of networks, training or Ray.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from mlpnas.record import Record
from mlpnas.space.tables import Draw


@dataclass(frozen=True)
class Proposal:
    """What a sampler wants to be tried; `state` is kept in the record and given back by `tell` when a run resumes."""

    draw: Draw
    state: Mapping[str, Any] = field(default_factory=dict)


class Sampler(Protocol):
    """`__init__(space, window, objectives, seed)`; objectives: name -> "maximize" | "minimize".

    `ask(trial)` proposes an architecture inside the window, from (seed, trial) and what it was told alone, so that a
    resumed run goes on as the uninterrupted one would. `tell` takes every record of a proposal, finished or failed,
    and on resume those of earlier processes in their order; one with origin duplicate ends its proposal without news.
    """

    def ask(self, trial: int) -> Proposal: ...

    def tell(self, record: Record) -> None: ...
