"""SwinMLP against a second forward pass, written from the released code's description on weights of its names.

microsoft/Swin-Transformer, models/swin_mlp.py: tokens cut out window by window, a grouped convolution over them.
"""

from collections.abc import Mapping
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mlpnas.checkpoints._fit import fill
from mlpnas.costs import stage_cost
from mlpnas.mixers.window_mlp import WindowMlp
from mlpnas.nets.network import build
from mlpnas.published import find
from mlpnas.published.swin_mlp import KEYS
from mlpnas.spec import ArchSpec, Grid, Layer, Stage, Stem
from tests.support.same_weights import gap

Weights = Mapping[str, Tensor]


def normed(x: Tensor, w: Weights, key: str) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], w[f"{key}.weight"], w[f"{key}.bias"], 1e-5)


def linear(x: Tensor, w: Weights, key: str) -> Tensor:
    return F.linear(x, w[f"{key}.weight"], w.get(f"{key}.bias"))


def rims(side: int, window: int, shifted: bool) -> tuple[int, int]:
    shift = window // 2 if shifted and side > window else 0
    return (window - shift, shift) if shift else (0, 0)


def mixing(x: Tensor, weight: Tensor, bias: Tensor, window: int, head_dim: int, shifted: bool) -> Tensor:
    (top, bottom), (left, right) = (rims(side, window, shifted) for side in x.shape[1:3])
    padded = F.pad(x, (0, 0, left, right, top, bottom))
    out = torch.empty_like(padded)
    for row, column in product(*(range(0, side, window) for side in padded.shape[1:3])):
        place = (slice(None), slice(row, row + window), slice(column, column + window))
        heads = padded[place].flatten(1, 2).unflatten(-1, (-1, head_dim)).transpose(1, 2)  # (B, heads, tokens, D)
        mixed = F.conv1d(heads.flatten(1, 2), weight, bias, groups=heads.shape[1]).view(heads.shape)
        out[place] = mixed.transpose(1, 2).flatten(2).unflatten(1, (window, window))
    return out[:, top : top + x.shape[1], left : left + x.shape[2]]


def merged(x: Tensor, w: Weights, key: str) -> Tensor:
    cells = [x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]]
    return linear(normed(torch.cat(cells, -1), w, f"{key}.norm"), w, f"{key}.reduction")


def swin_mlp(images: Tensor, w: Weights, depths: tuple[int, ...], window: int, head_dim: int) -> Tensor:
    x = F.conv2d(images, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], stride=4)
    x = normed(x.movedim(1, -1), w, "patch_embed.norm")
    for stage, depth in enumerate(depths):
        for number in range(depth):
            key = f"layers.{stage}.blocks.{number}"
            spatial = (w[f"{key}.spatial_mlp.weight"], w[f"{key}.spatial_mlp.bias"])
            x = x + mixing(normed(x, w, f"{key}.norm1"), *spatial, window, head_dim, shifted=number % 2 == 1)
            x = x + linear(F.gelu(linear(normed(x, w, f"{key}.norm2"), w, f"{key}.mlp.fc1")), w, f"{key}.mlp.fc2")
        if stage + 1 < len(depths):
            x = merged(x, w, f"layers.{stage}.downsample")
    return linear(normed(x, w, "norm").mean((1, 2)), w, "head")


def shapes(spec: ArchSpec, window: int, head_dim: int) -> dict[str, tuple[int, ...]]:
    """Return the tensors of a released checkpoint."""
    widths = [stage.width for stage in spec.stages]
    layers: dict[str, tuple[int, ...]] = {
        "patch_embed.proj": (widths[0], 3, 4, 4),
        "patch_embed.norm": (widths[0],),
        "norm": (widths[-1],),
        "head": (spec.classes, widths[-1]),
    }
    for number, (stage, width) in enumerate(zip(spec.stages, widths, strict=True)):
        for block in range(stage.depth):
            key = f"layers.{number}.blocks.{block}"
            layers |= {f"{key}.norm1": (width,), f"{key}.norm2": (width,)}
            layers |= {f"{key}.mlp.fc1": (4 * width, width), f"{key}.mlp.fc2": (width, 4 * width)}
            layers[f"{key}.spatial_mlp"] = (width // head_dim * window**2, window**2, 1)
        for target in widths[number + 1 : number + 2]:
            layers[f"layers.{number}.downsample.norm"] = (4 * width,)
            layers[f"layers.{number}.downsample.reduction"] = (target, 4 * width)
    weights = {f"{key}.weight": shape for key, shape in layers.items()}
    return weights | {f"{key}.bias": shape[:1] for key, shape in layers.items() if not key.endswith("reduction")}


def random_weights(spec: ArchSpec, window: int, head_dim: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for key, shape in shapes(spec, window, head_dim).items():
        noise = torch.randn(shape, generator=generator)
        is_gain = len(shape) == 1 and key.endswith("weight")  # of a norm
        weights[key] = noise * noise[0].numel() ** -0.5 if len(shape) > 1 else is_gain + 0.2 * noise
    return weights


def check(spec: ArchSpec, window: int, head_dim: int) -> None:
    weights = random_weights(spec, window, head_dim)
    network = build(spec).eval()
    fill(network, weights, KEYS, "released")
    depths = tuple(stage.depth for stage in spec.stages)
    images = torch.randn(2, 3, *spec.image, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert gap(network(images), swin_mlp(images, weights, depths, window, head_dim)) < 1e-5
        exact = swin_mlp(images.double(), {key: w.double() for key, w in weights.items()}, depths, window, head_dim)
        assert gap(network.double()(images.double()), exact) < 1e-10


def small(input_size: tuple[int, int], window: int, depth: int = 2) -> ArchSpec:
    norm, mixer = Layer.of("layer", eps=1e-5), Layer.of("window_mlp", window=window, head_dim=8)
    stages = tuple(Stage(width, depth, mixer, norm=norm) for width in (16, 24))
    return ArchSpec(stages, Stem(4, norm), input_size, classes=10, norm=norm)


@pytest.mark.parametrize(("input_size", "window"), [((64, 64), 4), ((24, 48), 3), ((64, 32), 4)])
def test_shifted_windows_on_planes(input_size: tuple[int, int], window: int) -> None:
    """Sides of several windows, and sides that one window covers."""
    check(small(input_size, window), window, 8)


def test_swin_mlp_t_c24() -> None:
    check(find("swin_mlp_t_c24").spec, 8, 24)


@pytest.mark.parametrize(("name", "window", "head_dim"), [("swin_mlp_t_c6", 8, 6), ("swin_mlp_b", 7, 32)])
def test_names_of_the_released_weights(name: str, window: int, head_dim: int) -> None:
    spec = find(name).spec
    with torch.device("meta"):
        released = {key: torch.empty(shape) for key, shape in shapes(spec, window, head_dim).items()}
        fill(build(spec), released, KEYS, "released")


def test_starting_weights() -> None:
    torch.manual_seed(0)
    mixer = WindowMlp(64, Grid(14, 14))
    assert mixer.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not mixer.bias.any()


def test_a_shift_brings_one_more_window_along_each_side() -> None:
    """MACs: windows x tokens squared x channels."""
    stage = Stage(64, 2, Layer("window_mlp"), mlp_ratio=0)
    assert stage_cost(stage, Grid(14, 14)).macs == (2**2 + 3**2) * 49**2 * 64
    assert stage_cost(stage, Grid(14, 7)).macs == (2 + 3) * 49**2 * 64
    assert stage_cost(stage, Grid(7, 7)).macs == 2 * 49**2 * 64
