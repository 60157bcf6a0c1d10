"""The archive of a sampler's proposals and results, as arrays."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpnas.pareto import on_front
from mlpnas.record import Record
from mlpnas.samplers._domain import Domain
from mlpnas.space.codes import Candidates, Codes, decode, encode
from mlpnas.space.tables import Sample, Window
from mlpnas.space.tree import Answers

INFEASIBLE = ("diverged", "out_of_memory", "over_budget")  # failures of the architecture; "failed" may be the machine's
SIGN = {"maximize": 1.0, "minimize": -1.0}  # factor of a value after which more is better
_RESULTS = ("done", "stopped")
Floats = NDArray[np.float64]
_SAMPLES = 20
_EDITS, _LOOKS = 4, 20


class Archive:
    """Architectures by codes: those with results, those running, and all that were ever proposed.

    Attributes:
        seen: the codes of every proposal and record, as bytes.
        records: the records with answers, without duplicates, in the order of `tell`.
    """

    def __init__(self, domain: Domain, window: Window, objectives: Mapping[str, str]) -> None:
        self.domain, self.window, self.objectives = domain, window, dict(objectives)
        self.seen: set[bytes] = set()
        self.records: list[Record] = []
        self._codes: list[Codes] = []
        self._columns: dict[tuple[str, str], list[Any]] = {}
        self._running: dict[int, tuple[Codes, Mapping[str, float]]] = {}

    def encode(self, answers: Answers) -> Codes:
        """Return codes (questions,)."""
        return encode(self.domain.questions, [answers])[0]

    def build(self, codes: Codes, rng: np.random.Generator) -> Sample:
        """Return the architecture of codes inside the window."""
        return self.domain.fit(decode(self.domain.questions, codes), self.window, rng)

    def propose(self, trial: int, sample: Sample) -> None:
        codes = self.encode(sample.answers)
        self._running[trial] = codes, sample.costs
        self.seen.add(codes.tobytes())

    def tell(self, record: Record) -> None:
        self._running.pop(record.trial, None)
        if record.answers:  # a published model may lie outside the space
            codes = self.encode(dict(record.answers))
            self.seen.add(codes.tobytes())
            if record.origin != "duplicate":
                self.records.append(record)
                self._codes.append(codes)

    @property
    def proposed(self) -> int:
        """Number of architectures with results or running."""
        return len(self.seen)

    def running(self, most: int) -> Candidates:
        """Return the latest proposals without a result, at most `most`, in the order of proposing."""
        rows = list(self._running.values())[-most:]
        costs = {name: np.array([costs[name] for _, costs in rows]) for name in self.domain.quantities}
        return Candidates(self._stack([codes for codes, _ in rows]), costs)

    @property
    def codes(self) -> Codes:
        """Codes of the records, (records, questions)."""
        return self._stack(self._codes)

    def _stack(self, rows: list[Codes]) -> Codes:
        return np.array(rows, np.int16).reshape(len(rows), len(self.domain.questions))

    def values(self, name: str) -> Floats:
        """Return one objective or cost, (records,); nan if a record has none."""
        return np.array(self._column("values", name, lambda record: record.values.get(name, np.nan)), float)

    def _column(self, kind: str, name: str, of: Callable[[Record], Any]) -> list[Any]:
        """Return one entry per record, computed once."""
        column = self._columns.setdefault((kind, name), [])
        column.extend(of(record) for record in self.records[len(column) :])
        return column

    def _statuses(self) -> NDArray[np.str_]:
        return np.array(self._column("record", "status", lambda record: record.status), str)

    @property
    def has_stopped(self) -> bool:
        """True if any trial was stopped early."""
        return any(record.status == "stopped" for record in self.records)

    def scores(self) -> Floats:
        """Return (records, objectives), more is better; -inf for trials that did not finish well."""
        points = np.stack([SIGN[to] * self.values(name) for name, to in self.objectives.items()], axis=1)
        done = np.isfinite(points).all(axis=1) & (self._statuses() == "done")
        return np.where(done[:, None], points, -np.inf)

    def known(self, objectives: Sequence[str], costs: Sequence[str]) -> NDArray[np.int64]:
        """Return the rows with these costs and a result: values of these objectives, or their own failure."""
        valued = np.isfinite(np.stack([self.values(name) for name in objectives], axis=1)).all(axis=1)
        results, failures = (np.isin(self._statuses(), group) for group in (_RESULTS, INFEASIBLE))
        costed = np.asarray(np.stack([self.values(name) for name in costs], axis=1) > 0).all(axis=1)
        return np.flatnonzero(costed & ((valued & results) | failures))

    def fidelity(self) -> Floats:
        """Return the log of each record's share of full training, (records,); 0 unless it was stopped."""
        epochs = np.array(self._column("record", "epochs", lambda record: max(record.epochs, 1)), float)
        return np.where(self._statuses() == "stopped", np.log(epochs / epochs.max(initial=1.0)), 0.0)

    def is_seen(self, codes: Codes) -> NDArray[np.bool_]:
        """Return (n,) whether each of the codes (n, questions) was proposed before."""
        return np.array([row.tobytes() in self.seen for row in codes], bool)

    def unseen(self, rng: np.random.Generator) -> Sample:
        """Return a uniform sample inside the window, an unseen one if 20 tries find one."""
        for _ in range(_SAMPLES):
            sample = self.domain.sample(rng, self.window)
            if self.encode(sample.answers).tobytes() not in self.seen:
                break
        return sample

    def near(self, codes: Codes, rng: np.random.Generator) -> Sample:
        """Return an unseen architecture with as few edits as possible of one of the codes (n, questions)."""
        for edits in range(1, _EDITS + 1):
            parents = codes[rng.integers(len(codes), size=_LOOKS)]
            found = self.domain.mutate(parents, [edits] * _LOOKS, self.window, rng).codes
            new = np.flatnonzero(~self.is_seen(found))
            if len(new):
                return self.build(found[new[0]], rng)
        return self.unseen(rng)


def front(scores: Floats) -> NDArray[np.int64]:
    """Return the finite rows that no other dominates; more is better."""
    finite = np.flatnonzero(np.isfinite(scores).all(axis=1))
    return finite[on_front(scores[finite], ["maximize"] * scores.shape[1])]
