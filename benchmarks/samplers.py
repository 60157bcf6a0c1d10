"""Replays a complete table of architectures through the samplers: how near the best they come, after how many.

    python benchmarks/samplers.py --table FILE.parquet --questions a,b,c --maximize COL --cost COL \
        [--cap-quantile Q] [--low-fidelity COL] --sampler NAME --evals N --seeds S [--workers W] --json -

A table has a row per architecture: the answers (empty where a question is not asked), the value to be maximised, the
cost. Samplers are those of mlpnas/samplers and `optuna_tpe_constraints`, Optuna's TPE as a user would write it.
An evaluation is a look at a new row; a repeat is answered from memory and does not count.

Without a cap the objectives are value and cost; with `--cap-quantile` the sampler is given the window
[0, that quantile of the cost] and the value alone. With `--workers` that many evaluations run at a time and end in the
order of a simulated time, proportional to the cost times a random factor.

With `--low-fidelity` every proposal is first trained for 12 of 200 epochs, and what asynchronous halving promotes for
200 more. N evaluations are then N times 200 epochs, whatever they are spent on; only whole trainings count as found.

Of every seed:
    regret       best value in the table within the cap, minus the best found within the cap; in the value's unit
    hypervolume  of what was found within the cap, as a share of the table's; the corner is the 10 % quantile of the
                 value and the cap (without one, the highest cost)
"""

import argparse
import heapq
import json
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mlpnas.errors import BudgetError, DataError, MlpnasError
from mlpnas.pareto import hypervolume
from mlpnas.plugins import find
from mlpnas.record import Record
from mlpnas.samplers import Proposal, Sampler
from mlpnas.samplers._halving import Halving
from mlpnas.space.codes import Candidates, Codes, Level, decode, encode
from mlpnas.space.tree import Answers, Choose, Fixed, Option, Pick

Window = Mapping[str, tuple[float, float]]
Rows = NDArray[np.int64]
CONTROL = "optuna_tpe_constraints"
EPOCHS = (12, 200)  # of the low fidelity and of the whole training
REPEATS = 20  # in a row, before something new is drawn in the sampler's place


@dataclass(frozen=True)
class TableDraw:
    """One row of the table; to samplers what mlpnas.space's Draw is."""

    row: int
    answers: Answers
    costs: Mapping[str, float]


class Table:
    """A complete table as what samplers know of a space (mlpnas.samplers.Domain)."""

    def __init__(self, path: Path, questions: Sequence[str], value: str, cost: str, low_fidelity: str | None) -> None:
        columns = [*questions, value, cost, *([low_fidelity] if low_fidelity else [])]
        names = pq.read_schema(path).names
        if missing := set(columns) - set(names):
            raise DataError(f"{path.name}: no column {', '.join(sorted(missing))}; it has {', '.join(names)}")
        table = pq.read_table(path, columns=columns)
        answers = {name: table[name].to_pylist() for name in questions}
        self.questions = [_question(name, answers[name]) for name in questions]
        rows = [{name: answers[name][row] for name in questions} for row in range(table.num_rows)]
        self.level = Level(encode(self.questions, rows))
        self.value, self.values = value, table[value].to_numpy().astype(float)
        self.low = table[low_fidelity].to_numpy().astype(float) if low_fidelity else None
        self.rungs = EPOCHS if low_fidelity else EPOCHS[-1:]
        self.cost, self.costs = cost, table[cost].to_numpy().astype(float)
        self.quantities = (cost,)
        self._inside: dict[tuple[float, float], Rows] = {}

    def range(self, quantity: str) -> tuple[float, float]:
        return float(self.costs.min()), float(self.costs.max())

    def answers(self, pick: Pick) -> Answers:
        """Asks the questions that some row with the answers so far answers."""
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

    def at(self, row: int) -> TableDraw:
        codes = self.level.codes[row]
        return TableDraw(int(row), decode(self.questions, codes), {self.cost: float(self.costs[row])})

    def draw(self, rng: np.random.Generator, window: Window) -> TableDraw:
        return self.at(rng.choice(self.inside(window)))

    def drawn(self, count: int, window: Window, rng: np.random.Generator) -> Candidates:
        return self._candidates(rng.choice(self.inside(window), count))

    def fit(self, answers: Answers, window: Window, rng: np.random.Generator) -> TableDraw:
        return self.at(int(self._nearest(encode(self.questions, [answers]), window, rng)[0]))

    def mutated(self, parents: Codes, edits: Sequence[int], window: Window, rng: np.random.Generator) -> Candidates:
        rows = [self._edited(codes, number, rng) for codes, number in zip(parents, edits, strict=True)]
        return self._candidates(self._nearest(self.level.codes[rows], window, rng))

    def _edited(self, codes: Codes, edits: int, rng: np.random.Generator) -> int:
        row = self.level.find(codes)
        assert row is not None, "parents are rows of the table"
        for _ in range(edits):
            edited = self.level.edited(row, rng)
            row = row if edited is None else edited
        return row

    def crossed(self, mothers: Codes, fathers: Codes, window: Window, rng: np.random.Generator) -> Candidates:
        children = np.where(rng.random(mothers.shape) < 0.5, mothers, fathers)
        return self._candidates(self._nearest(children, window, rng))

    def _nearest(self, codes: Codes, window: Window, rng: np.random.Generator) -> Rows:
        """For each of the codes (n, questions) the row inside the window that differs least; ties by chance."""
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


def _question(name: str, column: Sequence[Any]) -> Choose:
    labels = sorted({answer for answer in column if answer is not None})
    return Choose(name, tuple(Option(label, Fixed(label)) for label in labels))


class PlainTpe:
    """The control: Optuna's TPE with the cap as its constraint, the plain way."""

    def __init__(self, table: Table, window: Window, objectives: Mapping[str, str], seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        self.table, self.cap, self.objectives = table, window.get(table.cost, (0.0, np.inf))[1], objectives
        sampler = optuna.samplers.TPESampler(seed=seed, constraints_func=lambda trial: trial.user_attrs["above"])
        self.study = optuna.create_study(directions=list(objectives.values()), sampler=sampler)
        self.open: dict[int, optuna.Trial] = {}

    def ask(self, trial: int) -> Proposal:
        self.open[trial] = asked = self.study.ask()
        answers = self.table.answers(lambda question: asked.suggest_categorical(question.path, question.labels))
        return Proposal(self.table.fit(answers, {}, np.random.default_rng(0)))

    def tell(self, record: Record) -> None:
        asked = self.open.pop(record.trial, None)
        if asked is None:  # drawn in its place
            return
        asked.set_user_attr("above", (record.values[self.table.cost] - self.cap,))
        self.study.tell(asked, [record.values[name] for name in self.objectives])


@dataclass
class Replay:
    """One search. `found`: the rows that were evaluated, in the order of their ends; `asking`: seconds of each ask."""

    table: Table
    window: Window
    seed: int
    found: list[int] = field(default_factory=list)
    asking: list[float] = field(default_factory=list)

    def search(self, name: str, evals: int, workers: int) -> None:
        table, rng = self.table, np.random.default_rng([self.seed, evals])
        objectives = {table.value: "maximize"} | ({} if self.window else {table.cost: "minimize"})
        sampler = (PlainTpe if name == CONTROL else find("samplers", name))(table, self.window, objectives, self.seed)
        halving = Halving(table.rungs, by_cost=not self.window)
        running: list[tuple[float, int, int]] = []
        draws: dict[int, TableDraw] = {}
        now, left, proposals = 0.0, evals * table.rungs[-1], self._new(sampler, rng)
        while True:
            while len(running) < workers and left > 0:
                trial, epochs = halving.promoted() or (None, table.rungs[0])
                if trial is None:
                    trial, draws[trial] = next(proposals)
                left -= epochs
                duration = epochs * draws[trial].costs[table.cost] * rng.uniform(0.5, 1.5)
                heapq.heappush(running, (now + duration, trial, epochs))
            if not running:
                return
            now, trial, epochs = heapq.heappop(running)
            record = self._record(trial, draws[trial], epochs=epochs)
            halving.report(trial, epochs, draws[trial].costs[table.cost], record.values[table.value])
            sampler.tell(record)
            if epochs == table.rungs[-1]:
                self.found.append(draws[trial].row)

    def _new(self, sampler: Sampler, rng: np.random.Generator) -> Iterator[tuple[int, TableDraw]]:
        """Proposals of rows that were not proposed before; a repeat is told at once."""
        started: set[int] = set()
        repeats = 0
        for trial in count():
            if repeats == REPEATS:
                left = np.setdiff1d(self.table.inside(self.window), list(started))
                draw = self.table.at(rng.choice(left))
            else:
                begin = time.perf_counter()
                draw = sampler.ask(trial).draw
                self.asking.append(time.perf_counter() - begin)
            repeats = repeats + 1 if draw.row in started else 0
            if repeats:
                sampler.tell(self._record(trial, draw, "duplicate"))
            else:
                started.add(draw.row)
                yield trial, draw

    def _record(self, trial: int, draw: TableDraw, origin: str = "sampled", epochs: int = EPOCHS[-1]) -> Record:
        is_whole = epochs == EPOCHS[-1]
        value = (self.table.values if is_whole else self.table.low)[draw.row]
        values = {self.table.value: float(value), **draw.costs}
        status = "done" if is_whole else "stopped"
        return Record(trial, str(draw.row), "", draw.answers, status, origin, values, epochs)

    def regret(self) -> float:
        """The worst value of the table counts while nothing within the cap was found."""
        values, within = self.table.values, self.table.inside(self.window)
        found = np.intersect1d(self.found, within)
        return float(values[within].max() - (values[found].max() if len(found) else values.min()))

    def hypervolume(self) -> float:
        table, within = self.table, self.table.inside(self.window)
        corner = (np.quantile(table.values, 0.1), table.costs[within].max())
        points = np.stack([table.values, table.costs], axis=1)
        shares = [hypervolume(points[rows], ("maximize", "minimize"), corner) for rows in (self.found, within)]
        return shares[0] / shares[1]


def measure(table: Table, options: argparse.Namespace) -> dict[str, Any]:
    cap = None if options.cap_quantile is None else float(np.quantile(table.costs, options.cap_quantile))
    window = {} if cap is None else {table.cost: (0.0, cap)}
    replays = [Replay(table, window, seed) for seed in range(options.seeds)]
    for replay in replays:
        replay.search(options.sampler, options.evals, options.workers)
    within = set(table.inside(window).tolist())
    return {
        "sampler": options.sampler,
        "evals": options.evals,
        "seeds": options.seeds,
        "regret": [replay.regret() for replay in replays],
        "hypervolume": [replay.hypervolume() for replay in replays],
        "over_cap": sum(row not in within for replay in replays for row in replay.found),
        "seconds_per_ask": float(np.mean([seconds for replay in replays for seconds in replay.asking])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--questions", required=True, help="columns, separated by commas")
    parser.add_argument("--maximize", required=True)
    parser.add_argument("--cost", required=True)
    parser.add_argument("--low-fidelity")
    parser.add_argument("--cap-quantile", type=float)
    parser.add_argument("--sampler", required=True)
    parser.add_argument("--evals", type=int, required=True)
    parser.add_argument("--seeds", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path, required=True, help="where to write; - for the standard output")
    options = parser.parse_args()
    table = Table(options.table, options.questions.split(","), options.maximize, options.cost, options.low_fidelity)
    text = json.dumps(measure(table, options)) + "\n"
    sys.stdout.write(text) if str(options.json) == "-" else options.json.write_text(text)


if __name__ == "__main__":
    try:
        main()
    except MlpnasError as error:
        sys.exit(f"error: {error}")
