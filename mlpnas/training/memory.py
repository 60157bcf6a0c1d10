"""How much of a GPU a training takes, measured by one step of it; and so how many share one."""

import gc
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf

import torch

from mlpnas.costs import cost
from mlpnas.datasets import Dataset
from mlpnas.nets.network import build
from mlpnas.spec import ArchSpec
from mlpnas.training import batches
from mlpnas.training.loop import Diverged, Training
from mlpnas.training.recipe import Recipe

MOST_ON_A_GPU = 8  # trials: more only wait for each other
_CONTEXT = 500 * 2**20  # bytes that CUDA keeps for each process
_MARGIN = 1.2  # for what the allocator cannot use, and candidates that are heavier yet
_PER_PARAMETER = 16  # bytes: weight, gradient and two moments in fp32
_VAL_IMAGES = 1024  # some batches
_UNITS = 10_000  # Ray counts shares of a GPU in these


def heaviest(networks: Sequence[ArchSpec], batch: int) -> ArchSpec:
    """The one whose training should keep the most bytes."""

    def kept(network: ArchSpec) -> int:
        one = cost(network)
        return batch * one.activation_bytes + _PER_PARAMETER * one.params

    return max(networks, key=kept)


def needed(network: ArchSpec, recipe: Recipe, data: Dataset, device: str) -> float:
    """Bytes that a process needs on a GPU to train this proxy; infinity where it cannot.

    A trial in short: its images in memory, one step at the recipe's batch size and precision, an evaluation.
    """
    short = replace(recipe, epochs=1, warmup_epochs=0, samples=max(2, recipe.batch_size))
    few = replace(data, val=data.val[:_VAL_IMAGES])
    torch.cuda.init()  # or there are no statistics to reset
    torch.cuda.reset_peak_memory_stats(device)
    try:
        _train(network, short, few, device)
        return torch.cuda.max_memory_allocated(device) * _MARGIN + _CONTEXT
    except RuntimeError:  # out of memory above all
        return inf
    finally:
        batches.forget()
        gc.collect()
        torch.cuda.empty_cache()


def _train(network: ArchSpec, recipe: Recipe, data: Dataset, device: str) -> None:
    built = build(network, recipe.drop_path).to(device)
    with suppress(Diverged):
        for _ in Training(built, data, recipe, size=network.image, device=device).run():
            pass


def whole(device: str = "cuda") -> int:
    """Bytes of the GPU, free or not."""
    return torch.cuda.get_device_properties(device).total_memory


def sharers(needs: float, there: float, most: int = MOST_ON_A_GPU) -> int:
    """How many trials fit a GPU of `there` bytes beside the driver; 1 at least.

    >>> sharers(17 * 2**30, 80 * 2**30)
    4
    """
    return max(min(int((there - _CONTEXT) / needs), most), 1)


def share(count: int) -> float:
    """1 / count, rounded down so that `count` of them are not more than one.

    >>> share(6)
    0.1666
    """
    return _UNITS // count / _UNITS
