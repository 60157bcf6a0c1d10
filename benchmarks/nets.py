"""Seconds of our networks over those of timm's, of the same configuration: inference and training, fp32 and bf16.

    OMP_NUM_THREADS=1 python benchmarks/nets.py | tee benchmarks/results/nets.txt

One model of each family that timm has, at 224 pixels. Ours, timm's and timm's once more take turns, each on one thread
and timed by the process's own CPU time, so that other work on the machine counts little. A ratio below 1 says that ours
is faster; timm's over timm's says how far a ratio is off by chance.
"""

import argparse
from collections.abc import Callable, Mapping
from statistics import median
from time import process_time

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlpnas.nets.network import build
from mlpnas.published import find

MODELS = {
    "mixer_s16": "mixer_s16_224",
    "gmixer_12": "gmixer_12_224",
    "gmlp_ti": "gmlp_ti16_224",
    "resmlp_s12": "resmlp_12_224",
    "vit_ti16": "vit_tiny_patch16_224",
    "deit_ti_distilled": "deit_tiny_distilled_patch16_224",
    "swin_t": "swin_tiny_patch4_window7_224",
    "poolformer_s12": "poolformer_s12",
}
WAYS = [(way, precision) for way in ("inference", "training") for precision in ("fp32", "bf16")]


def infer(network: nn.Module, images: Tensor) -> None:
    with torch.inference_mode():
        network(images)


def train(network: nn.Module, images: Tensor) -> None:
    logits = network(images)
    logits = sum(logits) if isinstance(logits, tuple) else logits  # of two classifiers
    F.cross_entropy(logits.float(), torch.zeros(len(images), dtype=torch.long)).backward()
    network.zero_grad()


def seconds(steps: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """The median of each, taken in turns after one that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds + 1):
        for name, step in steps.items():
            start = process_time()
            step()
            taken[name].append(process_time() - start)
    return {name: median(times[1:]) for name, times in taken.items()}


def ratios(name: str, batch: int, rounds: int) -> list[tuple[float, float]]:
    """(ours / timm's, timm's / timm's) for each of WAYS."""
    ours, theirs = build(find(name).spec), timm.create_model(MODELS[name])
    images, found = torch.randn(batch, 3, 224, 224), []
    for way, precision in WAYS:
        step = infer if way == "inference" else train
        for network in (ours, theirs):
            network.train(way == "training")

        def timed(network: nn.Module, step: Callable[..., None] = step, precision: str = precision) -> None:
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                step(network, images)

        steps = {"ours": lambda: timed(ours), "timm": lambda: timed(theirs), "again": lambda: timed(theirs)}
        taken = seconds(steps, rounds)
        found.append((taken["ours"] / taken["timm"], taken["again"] / taken["timm"]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, timm {timm.__version__}, batch {asked.batch}, one thread, {asked.rounds} rounds")
    print("ours / timm's (timm's / timm's)\n")
    print(f"{'model':18}" + "".join(f"{f'{way} {precision}':>18}" for way, precision in WAYS))
    for name in asked.models.split(","):
        row = ratios(name, asked.batch, asked.rounds)
        print(f"{name:18}" + "".join(f"{f'{ratio:.2f} ({noise:.2f})':>18}" for ratio, noise in row), flush=True)


if __name__ == "__main__":
    main()
