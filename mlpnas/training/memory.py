"""The memory that a training takes on a GPU, measured by one step, and the number of trials that share one."""

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
from mlpnas.training.task import Task

MOST_ON_A_GPU = 8  # trials: more only wait for each other
_CONTEXT = 500 * 2**20  # bytes that CUDA keeps for each process
_MARGIN = 1.2  # for what the allocator cannot use, and architectures that are larger yet
_PER_PARAMETER = 16  # bytes: weight, gradient and two moments in fp32
_VAL_IMAGES = 1024  # some batches
_UNITS = 10_000  # Ray counts shares of a GPU in these


def heaviest(networks: Sequence[ArchSpec], batch: int) -> ArchSpec:
    """Return the architecture whose training should take the most bytes."""

    def kept(network: ArchSpec) -> int:
        one = cost(network)
        return batch * one.activation_bytes + _PER_PARAMETER * one.params

    return max(networks, key=kept)


def training_bytes(network: ArchSpec, task: Task, recipe: Recipe, data: Dataset, device: str) -> float:
    """Return the bytes that a process needs on a GPU to train this proxy; infinity if it cannot.

    A short trial is run: its images in memory, one step at the recipe's batch size and precision, an evaluation.
    """
    short = replace(recipe, epochs=1, warmup_epochs=0, samples=max(2, recipe.batch_size))
    few = replace(data, val=data.val[:_VAL_IMAGES])
    torch.cuda.init()  # or there are no statistics to reset
    torch.cuda.reset_peak_memory_stats(device)
    try:
        _train(network, task, short, few, device)
        return torch.cuda.max_memory_allocated(device) * _MARGIN + _CONTEXT
    except RuntimeError:  # out of memory above all
        return inf
    finally:
        batches.clear_device_cache()
        gc.collect()
        torch.cuda.empty_cache()


def _train(network: ArchSpec, task: Task, recipe: Recipe, data: Dataset, device: str) -> None:
    built = build(network, recipe.drop_path).to(device)
    with suppress(Diverged):
        for _ in Training(built, task, data, recipe, size=network.image, device=device).run():
            pass


def total_bytes(device: str = "cuda") -> int:
    """Return the bytes of the GPU, free or not."""
    return torch.cuda.get_device_properties(device).total_memory


def trials_per_gpu(needed: float, total: float, most: int = MOST_ON_A_GPU) -> int:
    """Return how many trials fit a GPU of `total` bytes beside the driver; at least 1.

    >>> trials_per_gpu(17 * 2**30, 80 * 2**30)
    4
    """
    return max(min(int((total - _CONTEXT) / needed), most), 1)


def share(count: int) -> float:
    """Return 1 / count, rounded down so that `count` of them are not more than one.

    >>> share(6)
    0.1666
    """
    return _UNITS // count / _UNITS
