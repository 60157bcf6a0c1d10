"""What trials run on: this machine, or a cluster of them."""

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
        """Trials that it holds at once, each with one core and so much of a GPU."""
        if not share:
            return self.cores
        return min(self.cores, self.gpus * floor(1 / share + 1e-6))


class Devices(Protocol):
    """Machines, and a way to have something done on the one with the smallest GPU, if there is any."""

    @property
    def nodes(self) -> Sequence[Node]: ...

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any: ...


class Here:
    """See Devices."""

    def __init__(self) -> None:
        self.nodes = [Node(machine.cores(), torch.cuda.device_count() if torch.cuda.is_available() else 0)]

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)


def slots(nodes: Sequence[Node], share: float) -> int:
    """Trials that all of them hold at once."""
    return sum(node.slots(share) for node in nodes)
