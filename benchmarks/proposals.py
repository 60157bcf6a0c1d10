"""Check that samplers keep the budget: count proposals inside and near it.

    python benchmarks/proposals.py [--sampler NAME] [--proposals 10000] [--search 1000]
                                   [--space asmlp] [--budgets 1GFLOPs,4.5GFLOPs,15GFLOPs] [--fill 0.95]

It runs searches of `--search` trials one after the other, each with its own seed, for top1 and macs; every proposal
gets a synthetic accuracy. `inside`: inside the budget by the proposal's costs; `near`: also at least `--fill` of it.
For one proposal in ten the cost is computed again from the architecture; `wrong` if it differs.
"""

import argparse
import time

import numpy as np
from synthetic import Synthetic

from mlpnas.costs import cost
from mlpnas.errors import BudgetError
from mlpnas.plugins import names
from mlpnas.samplers import Proposal, RunStudy, make_sampler
from mlpnas.space.space import SearchSpace
from mlpnas.space.tables import Window, is_inside

OBJECTIVES = {"top1": "maximize", "macs": "minimize"}
_COUNTED_ANEW = 0.1


def is_wrong(proposal: Proposal) -> bool:
    own, told = cost(proposal.sample.spec), proposal.sample.costs
    return any(getattr(own, name) != told[name] for name in ("macs", "params", "peak_bytes"))


def count(space: SearchSpace, window: Window, budget: str, name: str, proposals: int, search: int) -> dict[str, int]:
    limits, rng = {name: (0.0, bound) for name, bound in space.limits(budget).items()}, np.random.default_rng(0)
    found = dict.fromkeys(("inside", "near", "distinct", "counted", "wrong"), 0)
    for seed in range(-(-proposals // search)):
        sampler, judge = RunStudy(make_sampler(name, space, window, OBJECTIVES, seed)), Synthetic(space, seed)
        keys = set()
        for trial in range(min(search, proposals - seed * search)):
            proposal = sampler.ask(trial)
            sampler.tell(judge.record(trial, proposal))
            keys.add(proposal.sample.spec.key)
            found["inside"] += is_inside(proposal.sample.costs, limits)
            found["near"] += is_inside(proposal.sample.costs, window)
            if rng.random() < _COUNTED_ANEW:
                found["counted"] += 1
                found["wrong"] += is_wrong(proposal)
        found["distinct"] += len(keys)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sampler", choices=names("samplers"), action="append")
    parser.add_argument("--proposals", type=int, default=10_000)
    parser.add_argument("--search", type=int, default=1000)
    parser.add_argument("--space", default="asmlp")
    parser.add_argument("--budgets", default="1GFLOPs,4.5GFLOPs,15GFLOPs")
    parser.add_argument("--fill", type=float, default=0.95)
    options = parser.parse_args()
    space = SearchSpace.load(options.space)
    print(f"{'sampler':12}{'budget':>12}{'proposals':>11}{'inside':>8}{'near':>8}{'distinct':>10}", end="")
    print(f"{'counted anew':>14}{'wrong':>7}{'minutes':>9}")
    for budget in options.budgets.split(","):
        try:
            window = space.window(budget, options.fill)
        except BudgetError as error:
            print(f"{budget}: {error}")
            continue
        for name in options.sampler or names("samplers"):
            begin = time.monotonic()
            found = count(space, window, budget, name, options.proposals, options.search)
            minutes = (time.monotonic() - begin) / 60
            row = f"{name:12}{budget:>12}{options.proposals:11}{found['inside']:8}{found['near']:8}"
            row += f"{found['distinct']:10}{found['counted']:14}{found['wrong']:7}{minutes:9.1f}"
            print(row, flush=True)


if __name__ == "__main__":
    main()
