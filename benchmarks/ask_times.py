"""How long a sampler thinks: CPU seconds per proposal after so many results.

    python benchmarks/ask_times.py [--sampler known_cost] [--records 100,1000,5000] [--asks 40] [--seed 0]

On the spaces asmlp (4.5 GFLOPs) and quick, for the objectives top1 and macs. The results are uniform draws inside the
budget, with a synthetic accuracy. Every proposal is told back before the next one, and whatever is learned anew
meanwhile counts; the first, at which a resumed search learns its parameters, is told apart.
"""

import argparse
import time
from itertools import count

import numpy as np
from synthetic import Synthetic

from mlpnas.samplers import Proposal, RunStudy, make_sampler
from mlpnas.space.space import SearchSpace

BUDGETS = {"asmlp": "4.5GFLOPs", "quick": None}
OBJECTIVES = {"top1": "maximize", "macs": "minimize"}


def measure(name: str, budget: str | None, sampler: str, records: int, asks: int, seed: int) -> list[float]:
    """CPU seconds of each ask in a row; other work on the machine lengthens these least."""
    space = SearchSpace.load(name)
    window = space.window(budget, fill=0.5)
    asked, judge = RunStudy(make_sampler(sampler, space, window, OBJECTIVES, seed)), Synthetic(space, seed)
    rng, trials, seen = np.random.default_rng(seed), count(), set()
    while len(seen) < records:
        sample = space.sample(rng, window)
        if sample.spec.key not in seen:
            seen.add(sample.spec.key)
            asked.tell(judge.record(next(trials), Proposal(sample)))
    seconds = []
    for trial in range(records, records + asks):
        begin = time.process_time()
        proposal = asked.ask(trial)
        seconds.append(time.process_time() - begin)
        asked.tell(judge.record(trial, proposal))
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sampler", default="known_cost")
    parser.add_argument("--records", default="100,1000,5000")
    parser.add_argument("--asks", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{options.sampler}, seconds per ask: the first, then of {options.asks}")
    print(f"{'space':8}{'records':>8}{'first':>8}{'median':>8}{'90 %':>8}{'most':>8}{'mean':>8}")
    for name, budget in BUDGETS.items():
        for records in map(int, options.records.split(",")):
            first, *rest = measure(name, budget, options.sampler, records, options.asks + 1, options.seed)
            found = [first, *np.quantile(rest, [0.5, 0.9, 1.0]), np.mean(rest)]
            print(f"{name:8}{records:8}" + "".join(f"{seconds:8.3f}" for seconds in found), flush=True)


if __name__ == "__main__":
    main()
