"""The machines that trials run on: this one, or those of a cluster."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor
from typing import Any, Protocol

import torch

from mlpnas.engine.planning import machine


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
        self.nodes = [Node(machine.cores(), torch.cuda.device_count() if torch.cuda.is_available() else 0)]

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)


def slots(nodes: Sequence[Node], share: float) -> int:
    """Return how many trials all machines hold at once."""
    return sum(node.slots(share) for node in nodes)
