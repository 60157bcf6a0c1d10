"""Train every architecture of a small space, as a table for replays (samplers.py).

    python benchmarks/train_table.py [--space benchmarks/vision_mlp_table.yaml] [--data mnist5k] [--processes 2]
                                     --out TABLE.parquet

A row is an architecture: a column for every question (empty where it is not asked), `top1` in per cent on the
validation images after the last epoch, `top1_first` after the first, macs and params. Rows that the file has already
are not trained again, so an interrupted run goes on.
"""

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from mlpnas import datasets
from mlpnas.costs import Cost, cost
from mlpnas.datasets import Dataset
from mlpnas.errors import DataError, MlpnasError, ShapeError
from mlpnas.files import replacing
from mlpnas.nets.network import build
from mlpnas.space.space import SearchSpace
from mlpnas.space.tree import Answers, outcomes
from mlpnas.spec import ArchSpec
from mlpnas.tasks.classify import Classify
from mlpnas.training.loop import Diverged, Training
from mlpnas.training.recipe import Recipe
from mlpnas.training.task import fit_to_data

RECIPE = Recipe(epochs=3, batch_size=64, learning_rate=7e-3)
SPACE = Path(__file__).with_name("vision_mlp_table.yaml")
MEASURED = ("top1", "top1_first", "macs", "params")
KEPT_EVERY = 100  # rows

Row = dict[str, Any]


class Built(NamedTuple):
    answers: Answers
    spec: ArchSpec
    cost: Cost


def every(space: SearchSpace) -> Iterator[Built]:
    """Yield all architectures that can be built."""
    for levels in product(*(list(outcomes(level)) for level in (space.network, *space.stages))):
        answers = {path: label for part, _ in levels for path, label in part.items()}
        try:
            spec = space.spec(answers)
            yield Built(answers, spec, cost(spec))
        except ShapeError:
            continue  # these answers do not fit together


def trained(source: str, built: Built) -> Row:
    """Train once from scratch; values are empty if training diverged."""
    data = _data(source)
    proxy = RECIPE.network(fit_to_data(built.spec, Classify(), data))
    torch.manual_seed(0)
    training = Training(build(proxy), Classify(), data, RECIPE, size=proxy.image)
    try:
        curve = [100 * row.values["top1"] for row in training.run()]
    except Diverged:
        curve = [None]
    found = curve[-1], curve[0], built.cost.macs, built.cost.params
    return {**built.answers, **dict(zip(MEASURED, found, strict=True))}


@cache
def _data(source: str) -> Dataset:
    torch.set_num_threads(1)  # once in every process
    return datasets.load(datasets.resolve(source))


def train(space: SearchSpace, source: str, out: Path, processes: int) -> None:
    paths = [question.path for question in space.questions]
    rows = kept(paths, out) if out.exists() else []
    known = {tuple(row[path] for path in paths) for row in rows}
    left = [built for built in every(space) if tuple(built.answers.get(path) for path in paths) not in known]
    total = len(rows) + len(left)
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for row in pool.map(partial(trained, source), left):
            rows.append(row)
            if len(rows) % KEPT_EVERY == 0 or len(rows) == total:
                keep(rows, paths, out)
                print(f"{len(rows)} of {total}", flush=True)


def kept(paths: Sequence[str], out: Path) -> list[Row]:
    if pq.read_schema(out).names != [*paths, *MEASURED]:
        raise DataError(f"{out}: holds another table; name a new file")
    return pq.read_table(out).to_pylist()


def keep(rows: Sequence[Row], paths: Sequence[str], out: Path) -> None:
    """Write the rows in the order of their answers, since replays sample by row number."""
    table = pa.table({name: [row.get(name) for row in rows] for name in [*paths, *MEASURED]})
    with replacing(out) as part:
        pq.write_table(table.sort_by([(path, "ascending") for path in paths]), part, compression="zstd")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default=SPACE)
    parser.add_argument("--data", default="mnist5k")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    try:
        train(SearchSpace.load(options.space), options.data, options.out, options.processes)
    except (MlpnasError, OSError, pa.ArrowException) as error:
        parser.exit(2, f"error: {error}\n")


if __name__ == "__main__":
    main()
