"""Parameters without weight decay: the same as timm's in the same network."""

import pytest
import timm
import torch
from timm.optim import param_groups_weight_decay
from torch import nn

from mlpnas.mixers.window_attention import WindowAttention
from mlpnas.nets.network import build
from mlpnas.published import find
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.training.optimizer import weight_decay_groups


def _sizes(parameters: list[nn.Parameter]) -> list[int]:
    return sorted(parameter.numel() for parameter in parameters)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("vit_ti16", "vit_tiny_patch16_224"),
        ("deit_ti_distilled", "deit_tiny_distilled_patch16_224"),
        ("swin_t", "swin_tiny_patch4_window7_224"),
    ],
)
def test_parameters_without_decay_equal_timms(ours: str, theirs: str) -> None:
    with torch.device("meta"):
        network, model = build(find(ours).spec), timm.create_model(theirs)
    spared, decayed = param_groups_weight_decay(model, 0.05, no_weight_decay_list=model.no_weight_decay())
    assert (spared["weight_decay"], decayed["weight_decay"]) == (0, 0.05)
    own_decayed, own_spared = weight_decay_groups(network)
    assert _sizes(own_spared) == _sizes(spared["params"])
    assert _sizes(own_decayed) == _sizes(decayed["params"])


def test_position_tables_and_vectors_are_spared_and_nothing_else() -> None:
    stage = Stage(16, 1, Layer.of("window_attention", window=4, head_dim=8))
    network = build(ArchSpec((stage,), Stem(4), 32, position_embedding=True))
    decayed, spared = weight_decay_groups(network)
    (mixer,) = (module for module in network.modules() if isinstance(module, WindowAttention))
    tables = {id(network.stem.positions), id(mixer.position_bias)}
    assert {id(parameter) for parameter in spared if parameter.ndim > 1} == tables
    assert all(parameter.ndim > 1 for parameter in decayed)
    assert len(decayed) + len(spared) == len(list(network.parameters()))


def test_a_module_says_itself_what_is_spared() -> None:
    class Own(nn.Module):
        no_weight_decay = ("table",)

        def __init__(self) -> None:
            super().__init__()
            self.table, self.matrix = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))

    module = Own()
    decayed, spared = weight_decay_groups(nn.Sequential(module))
    assert [id(parameter) for parameter in decayed] == [id(module.matrix)]
    assert [id(parameter) for parameter in spared] == [id(module.table)]
