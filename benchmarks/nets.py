"""Compare the seconds of our networks with timm's of the same configuration: inference, training, fp32 and bf16.

    OMP_NUM_THREADS=1 python benchmarks/nets.py | tee benchmarks/results/nets.txt

It takes one model of each family that timm has, at 224 pixels. Ours, timm's and timm's again take turns, each on one
thread and timed by CPU time, so that other work on the machine changes little. Figures are medians over the rounds'
ratios: below 1, ours is faster. The ratio of timm's to timm's again shows the noise: half of the rounds lie between the
two numbers in brackets.
"""

import argparse
from collections.abc import Callable, Sequence
from statistics import median, quantiles
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


def rounds_of(steps: Sequence[Callable[[], None]], rounds: int) -> list[list[float]]:
    """Return the seconds of each step, round by round, after one round of warm-up."""
    found = []
    for _ in range(rounds + 1):
        found.append([])
        for step in steps:
            start = process_time()
            step()
            found[-1].append(process_time() - start)
    return found[1:]


def ratios(name: str, batch: int, rounds: int) -> list[str]:
    """Return the median of ours / timm's and the quartiles of timm's / timm's, for each of WAYS."""
    ours, theirs = build(find(name).spec), timm.create_model(MODELS[name])
    images, found = torch.randn(batch, 3, 224, 224), []
    for way, precision in WAYS:
        step = infer if way == "inference" else train
        for network in (ours, theirs):
            network.train(way == "training")

        def timed(network: nn.Module, step: Callable[..., None] = step, precision: str = precision) -> None:
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                step(network, images)

        taken = rounds_of([lambda: timed(ours), lambda: timed(theirs), lambda: timed(theirs)], rounds)
        ratio = median(2 * one / (other + again) for one, other, again in taken)
        low, _, high = quantiles([again / other for _, other, again in taken], n=4)
        found.append(f"{ratio:.2f} ({low:.2f}-{high:.2f})")
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
    print(f"{'model':18}" + "".join(f"{f'{way} {precision}':>20}" for way, precision in WAYS))
    for name in asked.models.split(","):
        row = ratios(name, asked.batch, asked.rounds)
        print(f"{name:18}" + "".join(f"{ratio:>20}" for ratio in row), flush=True)


if __name__ == "__main__":
    main()
