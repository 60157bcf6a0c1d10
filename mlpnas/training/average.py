"""Exponential moving average of weights and buffers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class Average:
    """Follows the parameters and the persistent buffers of a network, as timm's ModelEmaV3 does.

    Early steps count more, so that it does not remember the start. Buffers of integers are the network's own.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.own = [value for value in network.state_dict(keep_vars=True).values() if value.is_floating_point()]
        self.averages = [value.detach().clone() for value in self.own]

    @torch.no_grad()
    def update(self) -> None:
        self.steps += 1
        decay = min(self.decay, self.steps / (10 + self.steps))
        torch._foreach_lerp_(self.averages, [value.detach() for value in self.own], 1 - decay)

    def state(self) -> dict[str, Any]:
        return {"steps": self.steps, "averages": self.averages}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Any]) -> None:
        self.steps = state["steps"]
        for own, saved in zip(self.averages, state["averages"], strict=True):
            own.copy_(saved)

    def swap(self) -> None:
        """Exchanges the network's values with the averages."""
        for own, average in zip(self.own, self.averages, strict=True):
            own.data, average.data = average.data, own.data

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the network has the average values."""
        self.swap()
        try:
            yield
        finally:
            self.swap()
