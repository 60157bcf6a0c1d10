"""All parameters in a few tensors: the same steps as torch's AdamW takes on each, and no other difference."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from mlpnas.nets.network import build
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.training.optimizer import Optimizer, weight_decay_groups
from mlpnas.training.recipe import Recipe

SPEC = ArchSpec((Stage(16, 2, Layer("gmlp"), 2),), Stem(4), 16, classes=5, position_embedding=True)
RECIPE = Recipe(learning_rate=0.01, weight_decay=0.1, clip_norm=0.5)


def _loss(network: nn.Module, step: int) -> Tensor:
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(step))
    out: Tensor = network(images)
    return out.square().sum()


def _torch_s(network: nn.Module, recipe: Recipe) -> Any:
    decayed, spared = weight_decay_groups(network)
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": spared, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate)

    def step() -> None:
        if recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(network.parameters(), recipe.clip_norm)
        optimizer.step()
        optimizer.zero_grad()

    return step


@pytest.mark.parametrize("clip_norm", [0.5, None])
def test_steps_are_those_of_torch_s_adamw(clip_norm: float | None) -> None:
    recipe = replace(RECIPE, clip_norm=clip_norm)
    one = build(SPEC)
    other = deepcopy(one)
    ours, theirs = Optimizer(one, recipe).step, _torch_s(other, recipe)
    for number in range(5):
        for network, step in ((one, ours), (other, theirs)):
            _loss(network, number).backward()
            step()
    for found, wanted in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


def test_nothing_else_changes() -> None:
    network = build(SPEC)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimizer = Optimizer(network, RECIPE)
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert load(save(after)).keys() == before.keys()
    assert sum(flat.numel() for flat in optimizer.flats) == sum(value.numel() for value in network.parameters())


def test_loaded_weights_are_those_that_are_trained() -> None:
    network, other = build(SPEC), build(SPEC)
    optimizer = Optimizer(network, RECIPE)
    network.load_state_dict(other.state_dict())
    assert torch.equal(torch.cat([value.flatten() for value in other.parameters()]).sort()[0], _sorted(optimizer))


def _sorted(optimizer: Optimizer) -> Tensor:
    return torch.cat([flat.detach() for flat in optimizer.flats]).sort()[0]


def test_a_copy_stays_as_it_is() -> None:
    network = build(SPEC)
    optimizer = Optimizer(network, RECIPE)
    copy = deepcopy(network)
    before = [value.clone() for value in copy.parameters()]
    _loss(network, 0).backward()
    optimizer.step()
    assert all(torch.equal(one, other) for one, other in zip(copy.parameters(), before, strict=True))


def test_the_state_of_another_layout_is_refused() -> None:
    optimizer = Optimizer(build(SPEC), RECIPE)
    each = torch.optim.AdamW(build(SPEC).parameters())
    with pytest.raises(ValueError, match="parameter group"):
        optimizer.restore(each.state_dict())


def test_types_may_differ_and_fixed_parameters_stay() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3).double(), nn.Linear(3, 3))
    network[2].requires_grad_(False)
    fixed = network[2].weight.clone()
    optimizer = Optimizer(network, replace(RECIPE, clip_norm=None))
    assert sorted(str(flat.dtype) for flat in optimizer.flats) == ["torch.float32"] * 2 + ["torch.float64"] * 2
    network[1](network[0](torch.ones(3)).double()).sum().backward()
    optimizer.step()
    assert torch.equal(network[2].weight, fixed)
