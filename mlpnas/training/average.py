"""Exponential moving average of weights and buffers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class Average:
    """Averages the parameters and the persistent buffers of a network, as timm's ModelEmaV3 does.

    Early steps count more, so that the initial weights have little influence. Buffers of integers are not averaged.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.parameters = [value for value in network.state_dict(keep_vars=True).values() if value.is_floating_point()]
        self.averages = [value.detach().clone() for value in self.parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Move the averages towards the network's values, after a step."""
        self.steps += 1
        decay = min(self.decay, self.steps / (10 + self.steps))
        torch._foreach_lerp_(self.averages, [value.detach() for value in self.parameters], 1 - decay)

    def state(self) -> dict[str, Any]:
        """Return what `restore` takes."""
        return {"steps": self.steps, "averages": self.averages}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned."""
        self.steps = state["steps"]
        for average, saved in zip(self.averages, state["averages"], strict=True):
            average.copy_(saved)

    def swap(self) -> None:
        """Exchange the network's values with the averages."""
        for parameter, average in zip(self.parameters, self.averages, strict=True):
            parameter.data, average.data = average.data, parameter.data

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the network the average values inside the block."""
        self.swap()
        try:
            yield
        finally:
            self.swap()
