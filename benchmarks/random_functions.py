"""Compare samplers on a real space of many conditional questions, with random functions in place of training.

    python benchmarks/random_functions.py [--space asmlp] [--budget 4.5GFLOPs] [--samplers known_cost,tpe,...]
                                          [--evals 100] [--seeds 20]

No table of trained networks has as many questions. The effect of an answer is random; among numbers it rises to one
best and falls again. Some pairs of questions interact; larger networks are better; the sampler's results have noise.
Every seed is another function, the same one for every sampler.

For each sampler it prints means over the seeds with standard errors, after half of the evaluations and after all,
without the noise: `best`, the highest value in searches for the value alone, in points above the best random sample;
`front`, the hypervolume in searches for value and macs, as a multiple of that of random samples. `random` after all
evaluations has 0 and 1.
"""

import argparse
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from synthetic import finished

from mlpnas.pareto import hypervolume
from mlpnas.plugins import names
from mlpnas.samplers import RunStudy, make_sampler
from mlpnas.space.space import SearchSpace
from mlpnas.space.tables import Window
from mlpnas.space.tree import Answers, Choose

TASKS = {"best": {"top1": "maximize"}, "front": {"top1": "maximize", "macs": "minimize"}}
WORTH, TOGETHER, LARGER, NOISE = 1.0, 0.5, 5.0, 0.5  # standard deviations in points; points per factor e of macs
PAIRS = 0.05  # share of the pairs of questions that interact
LOWEST = 30.0  # points, the corner of the hypervolume


class RandomFunction:
    """Points of top-1 for the answers and the cost of an architecture."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        rng = np.random.default_rng([seed, 7])
        self.highest = space.range("macs")[1]
        self.worth = {question.path: _worth(question, rng) for question in space.questions}
        pairs = [pair for pair in combinations(space.questions, 2) if rng.random() < PAIRS]
        self.together = [(one, two, rng.normal(0, TOGETHER, (len(one.labels), len(two.labels)))) for one, two in pairs]

    def __call__(self, answers: Answers, macs: float) -> float:
        alone = sum(self.worth[path][answer] for path, answer in answers.items())
        both = [each for each in self.together if each[0].path in answers and each[1].path in answers]
        codes = [(one.labels.index(answers[one.path]), two.labels.index(answers[two.path])) for one, two, _ in both]
        pairs = sum(worth[code] for (_, _, worth), code in zip(both, codes, strict=True))
        return float(70 + alone + pairs + LARGER * np.log(macs / self.highest))


def _worth(question: Choose, rng: np.random.Generator) -> dict[object, float]:
    numbers = [label for label in question.labels if isinstance(label, (int, float))]
    if len(numbers) == len(question.labels) > 2:
        worth = -((np.linspace(0, 1, len(numbers)) - rng.uniform(-0.3, 1.3)) ** 2)
        return dict(zip(sorted(numbers), WORTH * (worth - worth.mean()) / worth.std(), strict=True))
    return dict(zip(question.labels, rng.normal(0, WORTH, len(question.labels)), strict=True))


def search(space: SearchSpace, window: Window, task: str, name: str, evals: int, seed: int) -> NDArray[np.float64]:
    """Return (evals, 2): true value and macs of the proposals in order."""
    sampler, truth = RunStudy(make_sampler(name, space, window, TASKS[task], seed)), RandomFunction(space, seed)
    rng, points = np.random.default_rng([seed, 8]), []
    for trial in range(evals):
        proposal = sampler.ask(trial)
        macs = proposal.sample.costs["macs"]
        value = truth(proposal.sample.answers, macs)
        sampler.tell(finished(trial, proposal, value + rng.normal(0, NOISE)))
        points.append((value, macs))
    return np.array(points)


def reached(task: str, points: NDArray[np.float64], most: float) -> float:
    if task == "best":
        return float(points[:, 0].max())
    return hypervolume(points, ("maximize", "minimize"), (LOWEST, most))


def measured(
    space: SearchSpace, window: Window, task: str, name: str, counts: tuple[int, int], seeds: int
) -> NDArray[np.float64]:
    """Return (seeds, counts): the result after so many evaluations."""
    found = [search(space, window, task, name, counts[-1], seed) for seed in range(seeds)]
    return np.array([[reached(task, points[:count], window["macs"][1]) for count in counts] for points in found])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="asmlp")
    parser.add_argument("--budget", default="4.5GFLOPs")
    parser.add_argument("--samplers", default=",".join(names("samplers")))
    parser.add_argument("--evals", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    space = SearchSpace.load(options.space)
    window, counts = space.window(options.budget), (options.evals // 2, options.evals)
    print(f"{'task':8}{'sampler':14}" + "".join(f"{'@' + str(count):>18}" for count in counts))
    for task in TASKS:
        drawn = measured(space, window, task, "random", counts, options.seeds)
        base = drawn[:, [-1]]
        for name in options.samplers.split(","):
            own = drawn if name == "random" else measured(space, window, task, name, counts, options.seeds)
            gain = own - base if task == "best" else own / base
            errors = gain.std(axis=0, ddof=1) / np.sqrt(options.seeds)
            shown = "".join(
                f"{mean:10.2f} +-{error:5.2f}" for mean, error in zip(gain.mean(axis=0), errors, strict=True)
            )
            print(f"{task:8}{name:14}{shown}", flush=True)


if __name__ == "__main__":
    main()
