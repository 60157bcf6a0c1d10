"""Seconds per trivial trial of each backend: no training, only proposing, passing on and keeping.

    python benchmarks/engine_overhead.py [--trials 60] [--workers 2]

Ray's start is reported by itself; the rest is from the end of the first trial, workers warm, to the end of the last.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlpnas.engine.search import search
from mlpnas.training.recipe import Recipe


def measure(backend: str, trials: int, workers: int, folder: Path) -> tuple[float, float]:
    """(seconds from begin to the first end, seconds per trial after it)."""
    times: dict[str, list[float]] = {"begin": [], "trial": []}

    def listen(event: Mapping[str, Any]) -> None:
        if event["event"] in times and event.get("origin") != "duplicate":
            times[event["event"]].append(time.perf_counter())

    search(
        "quick",
        trials=trials,
        objectives=["macs", "params"],
        sampler="random",
        data="digits",
        recipe=Recipe(),
        backend=backend,
        workers=workers if backend == "ray" else None,
        run=folder / backend,
        listener=listen,
    )
    ends = times["trial"]
    return ends[0] - times["begin"][0], (ends[-1] - ends[0]) / (len(ends) - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for backend in ("local", "ray"):
            first, each = measure(backend, options.trials, options.workers, Path(folder))
            print(f"{backend:6} first trial after {first:6.2f} s, then {each:.3f} s per trial")


if __name__ == "__main__":
    main()
