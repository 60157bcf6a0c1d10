"""Exponential moving average of weights."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class Average:
    """Follows the parameters of a network; early steps count more, so that it does not remember the start."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.own = list(network.parameters())
        self.averages = [parameter.detach().clone() for parameter in self.own]

    @torch.no_grad()
    def update(self) -> None:
        self.steps += 1
        decay = min(self.decay, self.steps / (10 + self.steps))
        torch._foreach_lerp_(self.averages, [parameter.detach() for parameter in self.own], 1 - decay)

    def state(self) -> dict[str, Any]:
        return {"steps": self.steps, "averages": self.averages}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Any]) -> None:
        self.steps = state["steps"]
        for own, saved in zip(self.averages, state["averages"], strict=True):
            own.copy_(saved)

    def swap(self) -> None:
        """Exchanges the network's weights with the averages."""
        for parameter, average in zip(self.own, self.averages, strict=True):
            parameter.data, average.data = average.data, parameter.data

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the network has the average weights."""
        self.swap()
        try:
            yield
        finally:
            self.swap()
