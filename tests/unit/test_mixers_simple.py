"""Pooling, depthwise convolution, identity and gated MLPs against plain torch or timm; options that do not fit."""

import pytest
import torch
import torch.nn.functional as F
from timm.layers import GluMlp as TimmGluMlp
from torch import Tensor, nn

from mlpnas.costs import stage_cost
from mlpnas.errors import ShapeError
from mlpnas.mixers import attention
from mlpnas.mixers.depthwise_conv import DepthwiseConv
from mlpnas.mixers.identity import Identity
from mlpnas.mixers.pooling import Pooling
from mlpnas.mixers.token_glu import TokenGlu
from mlpnas.mixers.window_attention import WindowAttention
from mlpnas.nets.channel_mlps import GluMlp
from mlpnas.plugins import find
from mlpnas.spec import Grid, Layer, Stage

DIM, GRID = 8, Grid(5, 6)


def plane() -> Tensor:
    return torch.randn(2, *GRID.shape, DIM, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [3, 5, 11])
def test_pooling_is_the_mean_of_the_neighbours_less_the_token(size: int) -> None:
    x, reach = plane(), size // 2
    expected = torch.empty_like(x)
    for row in range(GRID.height):
        for column in range(GRID.width):
            rows = slice(max(row - reach, 0), row + reach + 1)
            columns = slice(max(column - reach, 0), column + reach + 1)
            expected[:, row, column] = x[:, rows, columns].mean((1, 2)) - x[:, row, column]
    torch.testing.assert_close(Pooling(DIM, GRID, pool_size=size)(x), expected)


@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (3, 1), (7, 1), (3, 2)])
def test_depthwise_conv_weighs_the_neighbours_of_its_channel(kernel: int, dilation: int) -> None:
    x, mixer, reach = plane(), DepthwiseConv(DIM, GRID, kernel_size=kernel, dilation=dilation), kernel // 2 * dilation
    padded = F.pad(x, (0, 0, reach, reach, reach, reach))
    expected = mixer.conv.bias.expand_as(x).clone()
    for row in range(kernel):
        for column in range(kernel):
            moved = padded.narrow(1, row * dilation, GRID.height).narrow(2, column * dilation, GRID.width)
            expected += mixer.conv.weight[:, 0, row, column] * moved
    torch.testing.assert_close(mixer(x), expected)


@pytest.mark.parametrize("grid", [GRID, Grid(5, 6, extra=1)])
def test_identity_leaves_the_tokens(grid: Grid) -> None:
    x = torch.randn(2, *grid.shape, DIM)
    assert torch.equal(Identity(DIM, grid)(x), x)


@pytest.mark.parametrize("grid", [GRID, Grid(5, 6, extra=1)])
def test_token_glu_is_timms_over_the_tokens(grid: Grid) -> None:
    mixer, theirs = TokenGlu(DIM, grid, ratio=2), TimmGluMlp(grid.tokens, 2 * DIM, act_layer=nn.SiLU)
    x = torch.randn(2, *grid.shape, DIM)
    copy_linears(theirs, mixer)
    torch.testing.assert_close(mixer(x).flatten(1, -2), theirs(x.flatten(1, -2).mT).mT)


def test_glu_mlp_is_timms_over_the_channels() -> None:
    mlp, theirs = GluMlp(DIM, 3), TimmGluMlp(DIM, 3 * DIM, act_layer=nn.SiLU)
    copy_linears(theirs, mlp)
    torch.testing.assert_close(mlp(plane()), theirs(plane()))


def copy_linears(theirs: nn.Module, ours: nn.Module) -> None:
    ours.expand.load_state_dict(theirs.fc1.state_dict())
    ours.contract.load_state_dict(theirs.fc2.state_dict())


def test_what_the_free_mixers_cost() -> None:
    def counted(name: str) -> tuple[int, int]:
        measured = stage_cost(Stage(DIM, 1, Layer(name), mlp_ratio=0, norm=Layer("none")), GRID)
        return measured.params, measured.macs

    assert counted("identity") == counted("pooling") == (0, 0)
    assert counted("depthwise_conv") == (DIM * 7 * 7 + DIM, DIM * 7 * 7 * GRID.tokens)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("pooling", {"pool_size": 4}, "odd and at least 3, got 4; use 5"),
        ("pooling", {"pool_size": 1}, "odd and at least 3, got 1; use 3"),
        ("depthwise_conv", {"kernel_size": 6}, "must be odd, got 6; use 7"),
        ("depthwise_conv", {"kernel_size": -2}, "must be odd, got -2; use 1"),
        ("depthwise_conv", {"dilation": 0}, "dilation must be at least 1, got 0"),
        ("token_glu", {"ratio": 0.1}, "0 hidden units.* use an even product"),
        ("token_glu", {"ratio": 1.125}, "9 hidden units.* use an even product"),
        ("window_mlp", {"window": 3, "head_dim": 8}, "does not divide the grid 5x6; windows that fit: 6"),
        ("window_mlp", {"window": 6, "head_dim": 3}, "head_dim 3 does not divide width 8; those that do: 1, 2, 4, 8"),
    ],
)
def test_options_that_do_not_fit(name: str, options: dict[str, float], says: str) -> None:
    with pytest.raises(ShapeError, match=f"{name}: .*{says}"):
        find("mixers", name)(DIM, GRID, **options)


@pytest.mark.parametrize("tokens", [16, 200])
@pytest.mark.parametrize("biases", [0, 1, 2])
@pytest.mark.parametrize("has_amx", [False, True])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_fused_attention_and_two_products_are_the_same(
    tokens: int, biases: int, has_amx: bool, kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The choice depends on tokens, type, gradients and machine; the output does not."""
    monkeypatch.setattr(attention, "_has_amx", lambda: has_amx)
    query, key, value = (torch.randn(4, 3, tokens, 8).to(kind).requires_grad_() for _ in range(3))
    bias = torch.randn(biases, 3, tokens, tokens, requires_grad=True) if biases else None
    scores = query.double() @ key.double().mT / 8**0.5
    if bias is not None:
        bias = bias.to(kind)
        scores = scores + bias.double().repeat(4 // biases, 1, 1, 1)
    expected = scores.softmax(-1) @ value.double()
    exact = {"rtol": 1e-4, "atol": 1e-5} if kind == torch.float32 else {"rtol": 0.03, "atol": 0.03}
    trained = attention.attend(query, key, value, bias)
    torch.testing.assert_close(trained.double(), expected, **exact)
    with torch.inference_mode():
        torch.testing.assert_close(attention.attend(query, key, value, bias).double(), expected, **exact)
    gradients = torch.autograd.grad(trained.double().sum(), (query, key, value), retain_graph=True)
    for found, wanted in zip(gradients, torch.autograd.grad(expected.sum(), (query, key, value)), strict=True):
        torch.testing.assert_close(found.double(), wanted.double(), rtol=exact["rtol"] * 10, atol=exact["atol"] * 10)


def test_window_attention_can_be_filled_after_the_meta_device() -> None:
    torch.manual_seed(0)
    options = {"window": 4, "head_dim": 8, "shifted": True}
    mixer, x = WindowAttention(DIM, Grid(8, 8), **options), torch.randn(2, 8, 8, DIM)
    nn.init.normal_(mixer.position_bias)
    with torch.device("meta"):
        other = WindowAttention(DIM, Grid(8, 8), **options)
    other.to_empty(device="cpu").load_state_dict(mixer.state_dict())
    assert torch.equal(other(x), mixer(x))
