"""Compare samplers on real trainings: CIFAR-10, a small space, the same budget and number of trials for each.

    python benchmarks/real_training.py --data CIFAR10_FOLDER --runs FOLDER [--samplers A,B] [--trials 40] [--seeds 3]

CIFAR10_FOLDER holds train.parquet and test.parquet. Trainings are short (4 epochs of 2,000 images), so that it
takes one or two hours on one CPU core. It prints for every search the best top1 on the 1,000 validation images, the
top1 of that network on all test images, the hypervolume of (top1, macs), and the number of trials until the best.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
from safetensors.torch import load_file

import mlpnas
from mlpnas import datasets
from mlpnas.nets.network import build
from mlpnas.run import Run
from mlpnas.tasks.classify import Classify
from mlpnas.training.batches import ImageBatches
from mlpnas.training.loop import evaluate
from mlpnas.training.recipe import Recipe
from mlpnas.training.task import fit_to_data

SPACE = Path(__file__).with_name("real_training.yaml")
RECIPE = Recipe(epochs=4, samples=2000, batch_size=64, learning_rate=4e-3)
IMAGES = 5000  # of which a fifth is for validation
BUDGET = "3MMACs"


class Found(NamedTuple):
    top1: float
    test_top1: float
    hypervolume: float
    trials_to_best: int


def subset(source: Path, folder: Path) -> Path:
    """Return the first images only: validation on 10,000 would take longer than the training."""
    folder.mkdir(exist_ok=True)
    pq.write_table(pq.read_table(source / "train.parquet").slice(0, IMAGES), folder / "train.parquet")
    pq.write_table(pq.read_table(source / "test.parquet"), folder / "test.parquet")
    return folder


def search(sampler: str, seed: int, trials: int, data: Path, runs: Path) -> Found:
    """Run one search, or resume it."""
    path = runs / f"{sampler}-{seed}"
    if (path / "run.json").exists():
        run = mlpnas.search(run=path, resume=True)
    else:
        run = mlpnas.search(
            SPACE,
            BUDGET,
            trials=trials,
            sampler=sampler,
            data=str(data),
            recipe=RECIPE,
            backend="local",
            fill=0,
            seed=seed,
            run=path,
        )
    best = run.best()
    return Found(best.values["top1"], test_top1(run), run.hypervolume(), _place(run, best.trial))


def test_top1(run: Run) -> float:
    """Return the top1 on the test images of the best network, with its weights of the search."""
    data = datasets.load(datasets.DataRef.from_json(run.manifest.decided.data))
    spec = RECIPE.network(fit_to_data(run.spec(run.best()), Classify(), data))
    network = build(spec)
    network.load_state_dict(load_file(run.path / run.best().weights))
    return evaluate(network, Classify(), ImageBatches(data, RECIPE, spec.image, "cpu").test(), RECIPE.precision)["top1"]


def _place(run: Run, trial: int) -> int:
    return 1 + [record.trial for record in run.done()].index(trial)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--samplers", default="known_cost,tpe,random")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--runs", type=Path, required=True, help="where the runs are kept; what is there is gone on with"
    )
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    data = subset(options.data, options.runs / "data")
    print(f"{'sampler':12s} {'seed':>4s} {'best top1':>9s} {'on test':>8s} {'hypervolume':>11s} {'found at':>8s}")
    for seed in range(options.seeds):  # samplers take turns, so that an unfinished comparison is fair
        for sampler in options.samplers.split(","):
            found = search(sampler, seed, options.trials, data, options.runs)
            row = f"{found.top1:9.4f} {found.test_top1:8.4f} {found.hypervolume:11.4g} {found.trials_to_best:8d}"
            print(f"{sampler:12s} {seed:4d} {row}", flush=True)


if __name__ == "__main__":
    main()
