"""The machines that trials run on, this one or those of a cluster, and what may be used of this one."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import floor
from pathlib import Path
from typing import Any, Protocol

import torch

_GROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Node:
    """A machine, in whole cores and GPUs."""

    cores: int
    gpus: int

    def slots(self, share: float) -> int:
        """Return how many trials it holds at once, each with one core and this share of a GPU."""
        if not share:
            return self.cores
        return min(self.cores, self.gpus * floor(1 / share + 1e-6))


class Devices(Protocol):
    """Machines that can be asked things."""

    @property
    def nodes(self) -> Sequence[Node]: ...

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call `function` on the machine with the smallest GPU, where there is any."""
        ...


class ThisMachine:
    """The machine of this process; see Devices."""

    def __init__(self) -> None:
        self.nodes = [Node(cores(), torch.cuda.device_count() if torch.cuda.is_available() else 0)]

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)


def slots(nodes: Sequence[Node], share: float) -> int:
    """Return how many trials all machines hold at once."""
    return sum(node.slots(share) for node in nodes)


def cores() -> int:
    """Return the number of CPU cores that this process may use, by affinity and by the control group's quota."""
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _words(["cpu.max"]) or [*_words(["cpu/cpu.cfs_quota_us"]), *_words(["cpu/cpu.cfs_period_us"])]
    if len(quota) == 2 and quota[0].isdigit():
        return max(1, min(free, round(int(quota[0]) / int(quota[1]))))
    return free


def memory() -> int:
    """Return the bytes of main memory that this process may use, by the machine and by the control group's limit."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _words(["memory.max", "memory/memory.limit_in_bytes"])
    return min(whole, int(limit[0])) if limit and limit[0].isdigit() else whole


def _words(names: Iterable[str]) -> list[str]:
    """Return the words of the first of these files that exists."""
    for name in names:
        try:
            return (_GROUPS / name).read_text().split()
        except OSError:
            continue
    return []
