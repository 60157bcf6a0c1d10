"""AS-MLP against a second forward pass, written channels-first from the released code's description, same weights.

svip-lab/AS-MLP, models/as_mlp.py: 1x1 convolutions, group norms with one group, shifts as pad, chunk, roll, crop.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from mlpnas.nets.network import build
from mlpnas.published import find
from mlpnas.spec import ArchSpec, Layer, Stage, Stem

Weights = Mapping[str, Tensor]


def conv(x: Tensor, w: Weights, key: str) -> Tensor:
    return F.conv2d(x, w[f"{key}.weight"][:, :, None, None], w.get(f"{key}.bias"))


def normed(x: Tensor, w: Weights, key: str) -> Tensor:
    return F.group_norm(x, 1, w[f"{key}.weight"], w[f"{key}.bias"], 1e-5)


def shifted(x: Tensor, shift_size: int, dim: int) -> Tensor:
    pad = shift_size // 2
    chunks = F.pad(x, (pad, pad, pad, pad)).chunk(shift_size, 1)
    rolled = [chunk.roll(step, dim) for chunk, step in zip(chunks, range(-pad, pad + 1), strict=True)]
    return torch.cat(rolled, 1)[:, :, pad:-pad, pad:-pad]


def mixing(x: Tensor, w: Weights, key: str, shift_size: int) -> Tensor:
    x = F.gelu(normed(conv(x, w, f"{key}.enter"), w, f"{key}.enter_norm"))
    along_width = F.gelu(conv(shifted(x, shift_size, 3), w, f"{key}.horizontal"))
    along_height = F.gelu(conv(shifted(x, shift_size, 2), w, f"{key}.vertical"))
    return conv(normed(along_width + along_height, w, f"{key}.leave_norm"), w, f"{key}.leave")


def merged(x: Tensor, w: Weights, key: str) -> Tensor:
    cells = [x[:, :, 0::2, 0::2], x[:, :, 1::2, 0::2], x[:, :, 0::2, 1::2], x[:, :, 1::2, 1::2]]
    return conv(normed(torch.cat(cells, 1), w, f"{key}.norm"), w, f"{key}.reduce")


def as_mlp(images: Tensor, w: Weights, depths: tuple[int, ...], shift_size: int) -> Tensor:
    kernel = w["stem.patches.weight"].unflatten(1, (3, 4, 4))
    x = normed(F.conv2d(images, kernel, w["stem.patches.bias"], stride=4), w, "stem.norm")
    for stage, depth in enumerate(depths):
        x = merged(x, w, f"stages.{stage}.downsample") if stage else x
        for block in range(depth):
            key = f"stages.{stage}.blocks.{block}"
            x = x + mixing(normed(x, w, f"{key}.token_mixing.norm"), w, f"{key}.token_mixing.body", shift_size)
            hidden = F.gelu(conv(normed(x, w, f"{key}.channel_mixing.norm"), w, f"{key}.channel_mixing.body.expand"))
            x = x + conv(hidden, w, f"{key}.channel_mixing.body.contract")
    pooled = normed(x, w, "head.norm").mean((2, 3))
    return F.linear(pooled, w["head.classifier.weight"], w["head.classifier.bias"])


def check(spec: ArchSpec, shift_size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    network = build(spec).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(noise * parameter[0].numel() ** -0.5 if parameter.ndim > 1 else parameter + 0.2 * noise)
        images = torch.randn(2, 3, *spec.image, generator=generator)
        expected = as_mlp(images, network.state_dict(), tuple(stage.depth for stage in spec.stages), shift_size)
        logits = network(images)
    assert expected.std() > 0.1
    assert ((logits - expected).abs().max() / expected.abs().max()).item() < 1e-5


def test_as_mlp_t() -> None:
    check(find("as_mlp_t").spec, 5)


def test_another_shift_width_and_plane() -> None:
    group = Layer("group")
    stages = tuple(Stage(width, 2, Layer.of("axial_shift", shift_size=7), norm=group) for width in (45, 60))
    check(ArchSpec(stages, Stem(4, group), input_size=(64, 96), classes=10, norm=group), 7)
