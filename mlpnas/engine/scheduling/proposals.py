"""The proposals of a search: published models first, then the sampler's, then whatever is left."""

from collections.abc import Container, Iterable
from contextlib import suppress
from itertools import count

import numpy as np

from mlpnas.engine.scheduling.scorer import Scorer
from mlpnas.engine.scheduling.seeds import published_seeds
from mlpnas.errors import BudgetError
from mlpnas.manifest import Manifest
from mlpnas.record import Record
from mlpnas.samplers import Proposal, RunStudy, make_sampler
from mlpnas.space.space import SearchSpace

_REPEATS = 20  # repeats in a row before the sampler is passed over
_LOOKS = 500  # uniform draws to find something new


class Proposals:
    """Numbers what is proposed; numbers of trials that a crash cut off come first.

    Args:
        history: every record of the run; the sampler is told all of it.

    Attributes:
        notes: for people, about published models.
    """

    def __init__(self, manifest: Manifest, space: SearchSpace, history: Iterable[Record]) -> None:
        self.space, self.seed = space, manifest.asked.seed
        self.window = space.window(manifest.asked.budget, manifest.asked.fill)
        sampler = make_sampler(
            manifest.asked.sampler,
            space,
            self.window,
            manifest.decided.objectives,
            manifest.asked.seed,
            Scorer(space, manifest) if manifest.decided.scores else None,
        )
        records = list(history)
        self.study = RunStudy(sampler, records)
        taken = {record.trial for record in records}
        self._numbers = (number for number in count() if number not in taken)
        self._next = next(self._numbers)
        self._seeds, notes = published_seeds(space, self.window, {record.key for record in records})
        self.notes = [*self.study.notes, *notes]
        self._repeats = 0

    def next(self, taken: Container[str]) -> tuple[int, Proposal, str] | None:
        """Return number, proposal and origin, or None if nothing new is left; it may repeat one of `taken`."""
        proposed = self._propose(taken)
        if proposed is None:
            return None
        proposal, origin = proposed
        self._repeats = self._repeats + 1 if proposal.sample.spec.key in taken else 0
        number, self._next = self._next, next(self._numbers)
        self.study.begin(number, proposal.sample.answers)
        return number, proposal, origin

    def _propose(self, taken: Container[str]) -> tuple[Proposal, str] | None:
        if self._seeds:
            return Proposal(self._seeds.pop(0)), "published"
        if self._repeats < _REPEATS:
            return self.study.ask(self._next), "sampled"
        rng = np.random.default_rng([self.seed, self._next])
        for _ in range(_LOOKS):
            with suppress(BudgetError):
                sample = self.space.sample(rng, self.window)
                if sample.spec.key not in taken:
                    return Proposal(sample), "sampled"
        return None

    def tell(self, record: Record) -> None:
        self.study.tell(record)
