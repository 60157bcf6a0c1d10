"""AdamW over a network's parameters, which are moved into one tensor per group."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from mlpnas.training.recipe import Recipe


class Optimizer:
    """Clips the gradient and takes AdamW's step, both on a few flat tensors instead of on every parameter.

    A small network has a hundred parameters of a few numbers each, and an operation costs more than its arithmetic:
    steps are 1.02 to 1.08 times faster this way. Parameters and their gradients become views into the flat tensors;
    names, shapes and values stay.
    """

    def __init__(self, network: nn.Module, recipe: Recipe) -> None:
        self.clip_norm = recipe.clip_norm
        decayed, exempt = (_flatten(group) for group in weight_decay_groups(network))
        self.flats = [*decayed, *exempt]
        groups = [
            {"params": flats, "weight_decay": decay}
            for flats, decay in ((decayed, recipe.weight_decay), (exempt, 0.0))
            if flats
        ]
        self._adamw = torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)

    @property
    def rate(self) -> float:
        """Learning rate of the next step."""
        return float(self._adamw.param_groups[0]["lr"])

    @rate.setter
    def rate(self, value: float) -> None:
        for group in self._adamw.param_groups:
            group["lr"] = value

    def step(self) -> None:
        """Take a step along the gradients that have been added up, and set them to zero."""
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.flats, self.clip_norm)
        self._adamw.step()
        for flat in self.flats:
            assert flat.grad is not None
            flat.grad.zero_()

    def state(self) -> dict[str, Any]:
        """Return what `restore` takes."""
        return self._adamw.state_dict()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned; raises ValueError or KeyError for the state of another optimiser."""
        settings = self._settings()
        self._adamw.load_state_dict(dict(state))
        if self._settings() != settings or not all(_fits(flat, self._adamw.state[flat]) for flat in self.flats):
            raise ValueError("the state is another optimiser's")

    def _settings(self) -> list[dict[str, Any]]:
        """Return those of each group, without the learning rate, which follows from the step."""
        return [
            {name: value for name, value in group.items() if name not in ("params", "lr")}
            for group in self._adamw.param_groups
        ]


def _fits(flat: Tensor, state: Mapping[str, Any]) -> bool:
    """Return whether AdamW could have kept this state for a tensor."""
    return bool(
        state["exp_avg"].shape == flat.shape == state["exp_avg_sq"].shape
        and (state["exp_avg_sq"] >= 0).all()
        and state["step"] >= 1
    )


def weight_decay_groups(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the parameters with weight decay, and those without.

    Vectors (norms, biases, tokens) have none, nor has what a module lists in `no_weight_decay`: position tables, as in
    timm, DeiT and Swin.
    """
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    listed = {
        id(getattr(module, name)) for module in network.modules() for name in getattr(module, "no_weight_decay", ())
    }
    exempt = [parameter for parameter in parameters if parameter.ndim <= 1 or id(parameter) in listed]
    kept = {id(parameter) for parameter in exempt}
    return [parameter for parameter in parameters if id(parameter) not in kept], exempt


@torch.no_grad()
def _flatten(parameters: Sequence[nn.Parameter]) -> list[nn.Parameter]:
    """Move parameters and their gradients into one tensor per type."""
    flats = []
    for _, same in groupby(sorted(parameters, key=_type), key=_type):
        group = list(same)
        flat = nn.Parameter(torch.cat([parameter.flatten() for parameter in group]))
        flat.grad = torch.zeros_like(flat)
        sizes = [parameter.numel() for parameter in group]
        for parameter, values, grad in zip(group, flat.data.split(sizes), flat.grad.split(sizes), strict=True):
            parameter.data, parameter.grad = values.view(parameter.shape), grad.view(parameter.shape)
        flats.append(flat)
    return flats


def _type(parameter: Tensor) -> str:
    return str(parameter.dtype)
