"""PoolFormer equals timm's: logits with the same randomised weights, names, counts, starting weights."""

import pytest
import timm
import torch
from torch import nn

from mlpnas.nets.network import build
from mlpnas.published import find
from mlpnas.published.poolformer import KEYS, MODELS
from tests.support.same_weights import check_timm_logits, check_timm_names_and_counts


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("poolformer_s12", 224),
        ("poolformer_s12", 96),
        pytest.param("poolformer_m36", 96, marks=pytest.mark.slow),
    ],
)
def test_logits_equal_timms(name: str, size: int) -> None:
    check_timm_logits(name, name, KEYS, size)


@pytest.mark.parametrize("name", [model.name for model in MODELS])
def test_names_and_counts_equal_timms(name: str) -> None:
    check_timm_names_and_counts(name, name, KEYS)


@pytest.mark.parametrize("name", ["poolformer_s12", "poolformer_s24", "poolformer_s36"])
def test_layer_scale_starts_as_in_timm(name: str) -> None:
    start = timm.create_model(name).stages[0].blocks[0].layer_scale1.scale
    assert start.tolist() == pytest.approx([find(name).spec.stages[0].layer_scale] * len(start))


def test_starting_weights() -> None:
    torch.manual_seed(0)
    network = build(find("poolformer_s12").spec)
    linears = [module for module in network.modules() if isinstance(module, nn.Linear)]
    assert all(linear.weight.std().item() == pytest.approx(0.02, rel=0.05) for linear in linears)
    assert not any(linear.bias.any() for linear in linears)
