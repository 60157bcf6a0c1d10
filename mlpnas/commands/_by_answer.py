"""The finished trials of a run, grouped by what was decided, and compared at like cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import median
from typing import Any

import numpy as np

from mlpnas.errors import UnknownName
from mlpnas.named import Scalar, word
from mlpnas.record import Record
from mlpnas.report.wording import cell, certainty, data_name, label, mixers, text
from mlpnas.run import Run
from mlpnas.spec import ArchSpec

_BINS = 3  # ranges of MACs with as many trials each

# facts of the architecture: known of every trial, even if its space does not ask for them
_FACTS: Mapping[str, Callable[[ArchSpec], Scalar]] = {
    "mixer": lambda spec: " + ".join(sorted(mixers(spec))),
    "pool": lambda spec: spec.pool,
    "position_embedding": lambda spec: spec.position_embedding,
}


@dataclass(frozen=True)
class Cell:
    """A count of trials, with their best and median value of the run's first objective (None without a trial)."""

    trials: int
    best: float | None
    best_trial: int | None
    median: float | None


@dataclass(frozen=True)
class Group:
    """The trials with the same answers; `bins` splits them by MACs."""

    answers: tuple[str, ...]
    all: Cell
    bins: tuple[Cell, ...]


@dataclass(frozen=True)
class Grouping:
    """The groups; `edges` are the MACs between the bins, and a trial on an edge belongs to the cheaper side."""

    fields: tuple[str, ...]
    edges: tuple[float, ...]
    groups: tuple[Group, ...]


def group_trials(run: Run, fields: Sequence[str]) -> Grouping:
    """Group the trials by every combination of answers, the best group first, those without a trial last.

    Raises:
        RunError: no trial has finished. UnknownName: a field that is neither a question of the run nor a fact of its
            architectures.
    """
    run.best()  # there is one
    done = run.done()
    readers = [_reader(run, field) for field in fields]
    answers = {record.trial: tuple(_write(read(record)) for read in readers) for record in done}
    macs = {record.trial: record.values.get("macs", 0.0) for record in done}
    edges = _edges(list(macs.values()))
    bins = {trial: int(np.searchsorted(edges, value)) for trial, value in macs.items()}
    groups = []
    for combination in product(*(dict.fromkeys(column) for column in zip(*answers.values(), strict=True))):
        records = [record for record in done if answers[record.trial] == combination]
        split = [[r for r in records if bins[r.trial] == number] for number in range(len(edges) + 1)]
        groups.append(Group(combination, _cell(run, records), tuple(_cell(run, part) for part in split)))
    sign = -1 if run.directions[0] == "maximize" else 1
    groups.sort(key=lambda group: np.inf if group.all.best is None else sign * group.all.best)
    return Grouping(tuple(fields), edges, tuple(groups))


def _reader(run: Run, field: str) -> Callable[[Record], Any]:
    if field in _FACTS:
        return lambda record: _FACTS[field](run.spec(record))
    paths = list(dict.fromkeys(path for record in run.records for path in record.answers))
    mine = [path for path in paths if path == field] or [path for path in paths if path.endswith(f".{field}")]
    if not mine:
        raise UnknownName("question", field, [*_FACTS, *paths])
    return lambda record: [record.answers[path] for path in mine if path in record.answers]


def _write(answer: Any) -> str:
    """Write an answer as the space file does; the answers of several stages one after the other."""
    if isinstance(answer, list):
        return ", ".join(map(_write, answer)) or "not asked"
    return word(answer)


def _edges(macs: Sequence[float]) -> tuple[float, ...]:
    """Return the MACs between bins of about as many trials each, four at least on average."""
    count = max(1, min(_BINS, len(macs) // 4))
    inner = np.quantile(macs, [number / count for number in range(1, count)], method="lower")
    return tuple(sorted({float(edge) for edge in inner if edge < max(macs)}))


def _cell(run: Run, records: Sequence[Record]) -> Cell:
    name, way = next(iter(run.manifest.decided.objectives.items()))
    if not records:
        return Cell(0, None, None, None)
    best = (max if way == "maximize" else min)(records, key=lambda record: record.values[name])
    return Cell(len(records), best.values[name], best.trial, median(record.values[name] for record in records))


def table(run: Run, grouping: Grouping) -> tuple[list[str], list[list[str]], set[str]]:
    """Return heads, rows, and the heads of the columns that are set flush right."""
    name = next(iter(run.manifest.decided.objectives))
    edges = [text("macs", edge) for edge in grouping.edges]
    bins = [*(f"to {edge}" for edge in edges), *(f"above {edge}" for edge in edges[-1:])]
    numbers = ["trials", f"best {label(name)}", "trial", "median", *bins]
    rows = []
    for group in grouping.groups:
        whole, split = group.all, group.bins if edges else ()
        best = "-" if whole.best_trial is None else str(whole.best_trial)
        found = [str(whole.trials), cell(name, whole.best), best, cell(name, whole.median)]
        rows.append([*group.answers, *found, *("-" if not c.trials else _best_of(name, c) for c in split)])
    return [*grouping.fields, *numbers], rows, set(numbers)


def _best_of(name: str, some: Cell) -> str:
    return f"{cell(name, some.best)} of {some.trials}"


def legend(run: Run) -> str:
    """Say what the table shows, and how far it can be trusted."""
    name, data = next(iter(run.manifest.decided.objectives)), data_name(run)
    what = f"{label(name)} of the proxy" + (f" on {data} val" if data else "")
    return (
        f"{what}. The last columns compare at like cost: the best of how many trials. "
        f"Where the counts differ, the best of more is also higher by luck. {certainty(run)}"
    ).rstrip()
