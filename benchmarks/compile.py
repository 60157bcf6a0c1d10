"""torch.compile(fullgraph=True) and torch.export of every token mixer: python benchmarks/compile.py [MIXER ...]

For each mixer in two blocks on 14x14 tokens it prints whether the blocks compile completely with inductor, forward and
backward, whether they export, the seconds of the first compiled step, and the speedup of a step (median of interleaved
steps).
"""

import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

from mlpnas.errors import ShapeError
from mlpnas.nets.network import Network, build
from mlpnas.plugins import names
from mlpnas.spec import ArchSpec, Layer, Stage, Stem

WIDTHS = (64, 112)  # some mixers need channels that the grid's side divides
STEPS = 15


def network(mixer: str) -> Network:
    for width in WIDTHS:
        try:
            return build(ArchSpec((Stage(width, 2, Layer(mixer)),), Stem(2), input_size=28))
        except ShapeError:
            continue
    raise SystemExit(f"{mixer} fits none of the widths {WIDTHS}")


def step(model: Callable[[Tensor], Tensor], images: Tensor) -> float:
    start = time.perf_counter()
    model(images).square().mean().backward()
    return time.perf_counter() - start


def attempt(action: Callable[[], object]) -> str:
    try:
        action()
    except Exception as error:
        return f"no: {type(error).__name__}: {str(error).splitlines()[0]}"
    return "yes"


def main() -> None:
    torch.set_num_threads(1)
    images = torch.randn(16, 3, 28, 28)
    print(f"{'mixer':18} {'compiles':9} {'exports':8} {'first step':>11} {'speed-up':>9}")
    for mixer in sys.argv[1:] or names("mixers"):
        torch.compiler.reset()
        eager = network(mixer)
        compiled = torch.compile(eager, fullgraph=True)
        start = time.perf_counter()
        compiles = attempt(lambda model=compiled: step(model, images))
        first = time.perf_counter() - start
        exports = attempt(lambda model=eager: torch.export.export(model, (images,)))
        if compiles != "yes":
            print(f"{mixer:18} {compiles}")
            continue
        pairs = [(step(eager, images), step(compiled, images)) for _ in range(STEPS)]
        ratio = median(slow / fast for slow, fast in pairs)
        print(f"{mixer:18} {compiles:9} {exports:8} {first:9.1f} s {ratio:8.2f}x")


if __name__ == "__main__":
    main()
