"""Measure the engine's overhead: seconds per trivial trial of each backend, and the utilisation of many workers.

    python benchmarks/engine_overhead.py [--trials 60] [--workers 2]
    python benchmarks/engine_overhead.py --nap 1 --trials 200 --workers 16 --warm 400

Trials are proposed, sent and stored, without training. Ray's start is printed separately; the rest runs from the end of
the first trial to the end of the last. With --nap every trial sleeps so long, on logical workers; the first --warm
trials run while workers start. For the others it prints trials x nap / workers over their time; 1 is ideal.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fate

from mlpnas.engine.search import search
from mlpnas.run import Run
from mlpnas.training.recipe import Recipe


def measure(backend: str, trials: int, workers: int, folder: Path) -> tuple[float, float]:
    """Return (seconds until the first trial's end, seconds per trial after it)."""
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


def nap(seconds: float, trials: int, workers: int, warm: int, folder: Path) -> float:
    """Return the utilisation of the workers after the first `warm` trials."""
    fate.install(folder / "plugins")
    path = [str(folder / "plugins"), str(Path(__file__).parent)]
    sys.path[:0] = path
    os.environ |= {
        "PYTHONPATH": os.pathsep.join([*path, os.environ.get("PYTHONPATH", "")]),
        "FATE_SECONDS": str(seconds),
    }
    run = search(
        "quick",
        trials=trials + warm,
        objectives=["fate", "macs"],
        sampler="random",
        data="digits",
        recipe=Recipe(),
        workers=workers,
        run=folder / "naps",
    )
    return efficiency(run, seconds, workers, warm)


def efficiency(run: Run, seconds: float, workers: int, warm: int) -> float:
    records = sorted((record for record in run.records if record.origin != "duplicate"), key=lambda r: r.started)
    begin = records[warm].started
    lately = sum(begin - 1.5 * seconds < record.started <= begin for record in records)
    if lately < workers:  # every worker starts a trial within that time
        raise SystemExit(f"{lately} of {workers} workers were at work after {warm} trials: raise --warm")
    took = max(record.finished for record in records) - begin
    return len(records[warm:]) * seconds / workers / took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--nap", type=float, default=0.0)
    parser.add_argument("--warm", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.nap:
            share = nap(options.nap, options.trials, options.workers, options.warm, Path(folder))
            print(
                f"{options.trials} trials of {options.nap:g} s on {options.workers} workers: {share:.1%} of the ideal"
            )
            return
        for backend in ("local", "ray"):
            first, each = measure(backend, options.trials, options.workers, Path(folder))
            print(f"{backend:6} first trial after {first:6.2f} s, then {each:.3f} s per trial")


if __name__ == "__main__":
    main()
