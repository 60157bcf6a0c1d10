"""The contract of every stem and every head."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mlpnas.costs import cost, cost_table
from mlpnas.nets.network import Network, build
from mlpnas.plugins import find, names
from mlpnas.space.space import SearchSpace
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from tests.support.plugged_in import plugged_in
from tests.support.pyramid_head import Pyramid

POOLING = Layer("pooling")
PYRAMID = ArchSpec((Stage(12, 1, POOLING), Stage(24, 2, POOLING)), Stem(4), (16, 24), channels=2, classes=5)
TOKENS = ArchSpec((Stage(12, 1, Layer("identity")),), Stem(4), (16, 24), classes=5, position_embedding=True)
STEMS, HEADS = names("stems"), (*names("heads"), "pyramid")


@pytest.fixture(autouse=True)
def pyramid() -> Iterator[None]:
    with plugged_in("heads", {"pyramid": Pyramid}):
        yield


def inputs(spec: ArchSpec, batch: int = 2, device: str = "cpu") -> Tensor:
    dtype = getattr(find("stems", spec.stem.kind.name), "dtype", torch.float32)
    return torch.ones(batch, spec.channels, *spec.image, dtype=dtype, device=device)


def with_stem(name: str, spec: ArchSpec, **changes: Any) -> ArchSpec:
    return replace(spec, stem=replace(spec.stem, kind=Layer(name)), **changes)


@pytest.mark.parametrize("name", STEMS)
@pytest.mark.parametrize("pool", ["avg", "cls", "distilled"])
def test_a_stem_makes_the_tokens_of_the_grid(name: str, pool: Any) -> None:
    spec = with_stem(name, TOKENS, pool=pool)
    tokens = build(spec).stem(inputs(spec))
    assert tokens.shape == (2, *spec.grids()[0].shape, 12)
    assert tokens.is_contiguous()


@pytest.mark.parametrize("name", STEMS)
def test_a_position_table_is_called_positions(name: str) -> None:
    tables = [build(with_stem(name, TOKENS, position_embedding=wanted)).stem.positions for wanted in (True, False)]
    assert tables[0].shape == (4, 6, 12)
    assert tables[1] is None


def network_with(head: str) -> Network:
    torch.manual_seed(0)
    return build(replace(PYRAMID, head=Layer(head)))


@pytest.mark.parametrize("name", HEADS)
def test_a_head_says_which_tasks_train_it(name: str) -> None:
    tasks = find("heads", name).tasks
    assert tasks
    assert all(isinstance(task, str) for task in tasks)


@pytest.mark.parametrize("name", HEADS)
def test_gradients_reach_every_parameter(name: str) -> None:
    network = network_with(name)
    network(torch.randn(2, 2, 16, 24)).square().sum().backward()
    assert [key for key, parameter in network.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", HEADS)
def test_a_network_costs_what_its_parts_cost(name: str) -> None:
    network, found = network_with(name), cost(replace(PYRAMID, head=Layer(name)))
    with FlopCounterMode(display=False) as counter:
        network(inputs(PYRAMID, 1))
    assert counter.get_total_flops() == 2 * found.macs
    assert sum(parameter.numel() for parameter in network.parameters()) == found.params


@pytest.mark.parametrize("name", HEADS)
def test_heads_run_on_the_meta_device(name: str) -> None:
    with torch.device("meta"):
        assert network_with(name)(inputs(PYRAMID, device="meta")).is_meta


@pytest.mark.parametrize("name", HEADS)
def test_a_space_counts_with_its_head(name: str) -> None:
    space = SearchSpace(f"""
version: 1
name: ends
input: {{size: [16, 24], channels: 2, classes: 5}}
stem: {{patch: {{choose: [2, 4]}}}}
head: {{kind: {name}}}
stages:
  count: 2
  each: {{width: {{choose: [12, 24]}}, depth: {{choose: [1, 2]}}, mixer: pooling, norm: {{choose: [layer, none]}}}}
""")
    rng = np.random.default_rng(0)
    for _ in range(20):
        drawn = space.sample(rng)
        assert drawn.spec.head == Layer(name)
        found = cost(drawn.spec)
        assert {quantity: getattr(found, quantity) for quantity in drawn.costs} == drawn.costs
        assert space.find(drawn.spec) == drawn.answers


def test_a_head_of_levels_is_one_part_of_the_table() -> None:
    rows = cost_table(replace(PYRAMID, head=Layer("pyramid")))
    assert [row.part for row in rows] == ["stem", "stage 1", "downsample 2", "stage 2", "head"]
    levels = 12 * 8 + 8 + 8 * 8 + 8 + 24 * 8 + 8 + 2 * (12 + 24)
    assert rows[-1].cost.params == levels + 2 * 24 + 24 * 8 + 8 + 8 * 5 + 5


def test_options_of_a_head_are_checked_before_its_levels() -> None:
    with pytest.raises(Exception, match="pyramid has no option 'depth'; it has channels"):
        build(replace(PYRAMID, head=Layer.of("pyramid", depth=3)))


def test_a_classifier_has_no_levels() -> None:
    network = network_with("classifier")
    assert isinstance(network.levels, nn.ModuleList)
    assert len(network.levels) == 0
    assert [name for name, _ in network.head.named_parameters()] == [
        "norm.weight",
        "norm.bias",
        "classifier.weight",
        "classifier.bias",
    ]
