"""The settings of the process that make a training repeatable, while it computes."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

import torch
from torch.backends import cudnn

T = TypeVar("T")

_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"  # without it cuBLAS may add up in another order each time


def repeatable(steps: Iterator[T], threads: int, device: str) -> Iterator[T]:
    """Yield the steps of a training, each computed with these settings, which are undone between two of them."""
    while True:
        with _settings(threads, device), own_random_numbers():
            try:
                step = next(steps)
            except StopIteration:
                return
        yield step


@contextmanager
def _settings(threads: int, device: str) -> Iterator[None]:
    """Set the number of threads and, on a GPU, ask for deterministic algorithms.

    An operation that has none still runs, so that no architecture fails for it: only those may differ from run to run.
    """
    before = torch.get_num_threads(), cudnn.deterministic, cudnn.benchmark
    torch.set_num_threads(threads)
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        with _deterministic() if torch.device(device).type == "cuda" else nullcontext():
            yield
    finally:
        torch.set_num_threads(before[0])
        cudnn.deterministic, cudnn.benchmark = before[1:]


@contextmanager
def _deterministic() -> Iterator[None]:
    is_asked = torch.are_deterministic_algorithms_enabled()
    is_warning = torch.is_deterministic_algorithms_warn_only_enabled()
    options: Any = torch.utils.deterministic
    fills, workspace = options.fill_uninitialized_memory, os.environ.get(_WORKSPACE)
    os.environ.setdefault(_WORKSPACE, ":4096:8")
    options.fill_uninitialized_memory = False  # costs time and repeats nothing here
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*deterministic", category=UserWarning)
            yield
    finally:
        torch.use_deterministic_algorithms(is_asked, warn_only=is_warning)
        options.fill_uninitialized_memory = fills
        if workspace is None:
            del os.environ[_WORKSPACE]


@contextmanager
def own_random_numbers() -> Iterator[None]:
    """Restore the state of torch's random numbers afterwards; an epoch seeds its own."""
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices):
        yield
