"""Windows on planes that they do not divide, against torchvision's, which pads as the released Swin for detection."""

import pytest
import timm
import torch
from torch import Tensor
from torchvision.models.swin_transformer import shifted_window_attention

from mlpnas.checkpoints._fit import fill
from mlpnas.mixers.rep_mlp import RepMlp
from mlpnas.mixers.window_attention import WindowAttention
from mlpnas.mixers.window_mlp import WindowMlp
from mlpnas.nets.network import build
from mlpnas.published.swin import KEYS
from mlpnas.spec import ArchSpec, Grid, Layer, Stage, Stem

SIZES = [(14, 14), (21, 28), (15, 14), (16, 20), (8, 30), (5, 3)]


def attention(shifted: bool) -> WindowAttention:
    torch.manual_seed(0)
    mixer = WindowAttention(32, Grid(14, 14), head_dim=8, shifted=shifted).eval()
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.normal_(std=0.2)
    return mixer


def theirs(mixer: WindowAttention, x: Tensor) -> Tensor:
    bias = mixer.position_bias[mixer.position_index].view(49, 49, -1).permute(2, 0, 1)[None]
    return shifted_window_attention(
        x,
        mixer.qkv.weight,
        mixer.project.weight,
        bias,
        list(mixer.window),
        mixer.heads,
        list(mixer.shift),
        qkv_bias=mixer.qkv.bias,
        proj_bias=mixer.project.bias,
        training=False,
    )


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("size", [size for size in SIZES if min(size) > 7], ids=str)
def test_attention_is_torchvisions_at_any_size(size: tuple[int, int], shifted: bool) -> None:
    mixer, x = attention(shifted), torch.randn(2, *size, 32)
    with torch.no_grad():
        torch.testing.assert_close(mixer(x), theirs(mixer, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("size", [(56, 56), (84, 112), (60, 72), (64, 120)], ids=str)
def test_networks_are_timms_at_other_sizes(size: tuple[int, int], depth: int) -> None:
    """timm pads after it has moved the windows and not before, so shifted blocks agree where windows divide alone."""
    if depth == 2 and (size[0] % 28 or size[1] % 28):
        return
    torch.manual_seed(0)
    other = timm.models.swin_transformer.SwinTransformer(
        img_size=56, embed_dim=32, depths=(depth,), num_heads=(4,), window_size=7, num_classes=5, strict_img_size=False
    ).eval()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.normal_(std=0.2)
    norm = Layer.of("layer", eps=1e-5)
    mixer = Layer.of("window_attention", head_dim=8)
    network = build(ArchSpec((Stage(32, depth, mixer, norm=norm),), Stem(4, norm), 56, classes=5, norm=norm)).eval()
    fill(network, other.state_dict(), KEYS, "timm")
    x = torch.randn(2, 3, *size)
    with torch.no_grad():
        torch.testing.assert_close(network(x), other(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("make", [RepMlp, WindowMlp])
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_what_is_padded_is_cut_off_again(make: type, shifted: bool, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    options = {"head_dim": 8, "shifted": shifted} if make is WindowMlp else {}
    mixer = make(32, Grid(14, 14), **options).eval()
    x = torch.randn(2, *size, 32)
    found = mixer(x)
    assert found.shape == x.shape
    assert found.is_contiguous()
    if make is WindowMlp and not shifted:
        whole = torch.zeros(2, -(-size[0] // 7) * 7, -(-size[1] // 7) * 7, 32)
        whole[:, : size[0], : size[1]] = x
        assert torch.equal(found, mixer(whole)[:, : size[0], : size[1]])
