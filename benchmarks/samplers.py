"""Replays a complete table of architectures through the samplers: how near the best they come, after how many.

    python benchmarks/samplers.py --table FILE.parquet --questions a,b,c --maximize COL --cost COL \
        [--cap-quantile Q] [--low-fidelity COL] --sampler NAME --evals N --seeds S [--workers W] --json -

A table has a row per architecture: the answers (empty where a question is not asked), the value to be maximised (empty
where training failed), the cost. Samplers are those of mlpnas/samplers and `optuna_tpe_constraints`, Optuna's TPE as a
user would write it. An evaluation is a look at a new row; a repeat is answered from memory and does not count. A search
ends where no new row is left.

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
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from pyarrow import ArrowException
from table import Rows, Table, TableSample

from mlpnas.engine.scheduling.halving import Halving
from mlpnas.errors import MlpnasError
from mlpnas.pareto import hypervolume
from mlpnas.record import Record
from mlpnas.samplers import Proposal, RunStudy, make_sampler
from mlpnas.space.tables import Window

CONTROL = "optuna_tpe_constraints"
EPOCHS = (12, 200)  # of the low fidelity and of the whole training
REPEATS = 20  # in a row, before something new is drawn in the sampler's place


class PlainTpe:
    """The control: Optuna's TPE with the cap as its constraint, the plain way."""

    def __init__(self, table: Table, window: Window, objectives: Mapping[str, str], seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.table, self.cap, self.objectives = table, window.get(table.cost, (0.0, np.inf))[1], objectives
        sampler = optuna.samplers.TPESampler(seed=seed)
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
        asked.set_constraint(self.table.cost, record.values[self.table.cost] - self.cap)
        if record.status == "diverged":
            self.study.tell(asked, state=optuna.trial.TrialState.FAIL)
        else:
            self.study.tell(asked, [record.values[name] for name in self.objectives])


@dataclass
class Replay:
    """One search.

    Attributes:
        found: the rows that were evaluated, in the order of their ends.
        asking: seconds of each ask.
        samples: what each trial is.
    """

    table: Table
    window: Window
    seed: int
    found: list[int] = field(default_factory=list)
    asking: list[float] = field(default_factory=list)
    samples: dict[int, TableSample] = field(default_factory=dict)

    def search(self, name: str, evals: int, workers: int) -> None:
        table, rng = self.table, np.random.default_rng([self.seed, evals])
        objectives = {table.value: "maximize"} | ({} if self.window else {table.cost: "minimize"})
        given = table, self.window, objectives, self.seed
        sampler = PlainTpe(*given) if name == CONTROL else RunStudy(make_sampler(name, *given))
        rungs = EPOCHS if table.low is not None else EPOCHS[-1:]
        halving = Halving(rungs, by_cost=not self.window)
        running: list[tuple[float, int, int]] = []
        now, left, proposals = 0.0, evals * rungs[-1], self._new(sampler, rungs[0], rng)
        while True:
            while len(running) < workers and left > 0:
                following = halving.promote_next() or next(proposals, None) or halving.promote_best_stopped()
                if following is None:
                    break
                trial, epochs = following
                left -= epochs
                duration = epochs * self.samples[trial].costs[table.cost] * rng.uniform(0.5, 1.5)
                heapq.heappush(running, (now + duration, trial, epochs))
            if not running:
                return
            now, trial, epochs = heapq.heappop(running)
            sample = self.samples[trial]
            record = self._record(trial, sample, epochs=epochs)
            halving.report(trial, epochs, sample.costs[table.cost], record.values.get(table.value, -np.inf))
            sampler.tell(record)
            if epochs == rungs[-1]:
                self.found.append(sample.row)

    def _new(self, sampler: PlainTpe | RunStudy, epochs: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        """Trials of rows that were not proposed before, and the epochs they begin with; a repeat is told at once."""
        started: set[int] = set()
        repeats = 0
        for trial in count():
            if repeats == REPEATS:
                left = np.setdiff1d(self.table.inside(self.window), list(started))
                if not len(left):
                    return
                sample = self.table.at(rng.choice(left))
            else:
                begin = time.perf_counter()
                sample = sampler.ask(trial).sample
                self.asking.append(time.perf_counter() - begin)
            repeats = repeats + 1 if sample.row in started else 0
            if repeats:
                sampler.tell(self._record(trial, sample, "duplicate"))
            else:
                started.add(sample.row)
                self.samples[trial] = sample
                yield trial, epochs

    def _record(self, trial: int, sample: TableSample, origin: str = "sampled", epochs: int = EPOCHS[-1]) -> Record:
        is_whole = epochs == EPOCHS[-1]
        value = float((self.table.values if is_whole else self.table.low)[sample.row])
        if np.isnan(value):
            status, values = "diverged", {}
        else:
            status, values = "done" if is_whole else "stopped", {self.table.value: value}
        return Record(trial, str(sample.row), "", sample.answers, status, origin, {**values, **sample.costs}, epochs)

    def regret(self) -> float:
        """Return the regret; until a row within the cap is found, the worst value of the table counts."""
        values, (found, within) = self.table.values, self._judged()
        return float(values[within].max() - (values[found].max() if len(found) else np.nanmin(values)))

    def hypervolume(self) -> float:
        """1 where nothing in the table lies above the corner."""
        table, (found, within) = self.table, self._judged()
        corner = (np.nanquantile(table.values, 0.1), table.costs[within].max())
        points = np.stack([table.values, table.costs], axis=1)
        reached, whole = (hypervolume(points[rows], ("maximize", "minimize"), corner) for rows in (found, within))
        return reached / whole if whole else 1.0

    def _judged(self) -> tuple[Rows, Rows]:
        """What was found within the cap, and all that is there; rows whose training failed are not."""
        within = self.table.valued(self.window)
        return np.intersect1d(self.found, within), within


def measure(table: Table, options: argparse.Namespace) -> dict[str, Any]:
    cap = None if options.cap_quantile is None else float(np.quantile(table.costs, options.cap_quantile))
    window = {} if cap is None else {table.cost: (0.0, cap)}
    table.valued(window)  # what cannot be judged is not searched
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


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1 on")
    return int(text)


def _share(text: str) -> float:
    with suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is no share from 0 to 1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--questions", required=True, help="columns, separated by commas")
    parser.add_argument("--maximize", required=True)
    parser.add_argument("--cost", required=True)
    parser.add_argument("--low-fidelity")
    parser.add_argument("--cap-quantile", type=_share, help="from 0 to 1")
    parser.add_argument("--sampler", required=True)
    parser.add_argument("--evals", type=_number, required=True)
    parser.add_argument("--seeds", type=_number, required=True)
    parser.add_argument("--workers", type=_number, default=1)
    parser.add_argument("--json", type=Path, required=True, help="where to write; - for the standard output")
    options = parser.parse_args()
    questions = options.questions.split(",")
    try:
        table = Table(options.table, questions, options.maximize, options.cost, options.low_fidelity)
        text = json.dumps(measure(table, options)) + "\n"
        sys.stdout.write(text) if str(options.json) == "-" else options.json.write_text(text)
    except (MlpnasError, OSError, ArrowException) as error:
        parser.exit(2, f"error: {error}\n")


if __name__ == "__main__":
    main()
