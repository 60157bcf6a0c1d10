"""gMixer equals timm's: logits with the same randomised weights, names, counts, starting weights."""

import pytest
import timm
import torch

from mlpnas.nets.network import build
from mlpnas.published import find
from mlpnas.published.gmixer import KEYS
from tests.support.same_weights import check_timm_logits, check_timm_names_and_counts

TIMM = {"gmixer_12": "gmixer_12_224", "gmixer_24": "gmixer_24_224"}


@pytest.mark.parametrize("name", ["gmixer_12", pytest.param("gmixer_24", marks=pytest.mark.slow)])
def test_logits_equal_timms(name: str) -> None:
    check_timm_logits(name, TIMM[name], KEYS)


@pytest.mark.parametrize("name", TIMM)
def test_names_and_counts_equal_timms(name: str) -> None:
    check_timm_names_and_counts(name, TIMM[name], KEYS)


def test_the_token_gate_starts_as_in_timm() -> None:
    theirs = timm.create_model("gmixer_12_224").blocks[0].mlp_tokens.fc1
    ours = build(find("gmixer_12").spec).stages[0].blocks[0].token_mixing.body.expand
    gate = slice(192, None)
    assert torch.equal(ours.bias[gate], theirs.bias[gate])
    for weight in (ours.weight, theirs.weight):
        assert weight[gate].std().item() == pytest.approx(1e-6, rel=0.05)
        assert weight[:192].std().item() > 0.01
