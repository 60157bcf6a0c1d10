"""RepMLPNet against a second forward pass, channels-first and with the released code's tensor names.

Written from the description of DingXiaoH/RepMLP, repmlpnet.py: each partition and share set by itself, in float64, with
batch-norm statistics far from a fresh network's.
"""

import re
from collections.abc import Iterator, Mapping

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mlpnas.checkpoints._fit import fill
from mlpnas.mixers.rep_mlp import RepMlp
from mlpnas.nets.deploy import deploy_spec
from mlpnas.nets.network import Network, build
from mlpnas.plugins import options
from mlpnas.published import find
from mlpnas.published.repmlpnet import KEYS, MODELS
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from tests.support.same_weights import gap

Weights = Mapping[str, Tensor]
Shape = tuple[int, ...]
NORM, CONV = Layer("batch"), Layer.of("conv", kernel=2, bias=False, normed=True, activation="relu")


def sizes(stage: Stage) -> tuple[int, int]:
    """(partition, share sets)."""
    given = dict(stage.mixer.options)
    return int(given.get("partition") or 7), int(given.get("share_sets") or 1)


# The released names


def shapes(spec: ArchSpec, is_deployed: bool) -> Iterator[tuple[str, Shape]]:
    width = spec.stages[0].width
    yield from conv_bn_shapes("conv_embedding", (width, 3, 4, 4))
    for number, stage in enumerate(spec.stages):
        if number:
            yield from conv_bn_shapes(f"embeds.{number - 1}", (stage.width, width, 2, 2))
        width = stage.width
        for block in range(stage.depth):
            key = f"stages.{number}.{block}"
            yield from block_shapes(f"{key}.repmlp_block", width, *sizes(stage), is_deployed)
            yield from norm_shapes(f"{key}.prebn1", width)
            yield from norm_shapes(f"{key}.prebn2", width)
            yield from conv_bn_shapes(f"{key}.ffn_block.ffn_fc1", (4 * width, width, 1, 1))
            yield from conv_bn_shapes(f"{key}.ffn_block.ffn_fc2", (width, 4 * width, 1, 1))
    yield from norm_shapes("head_norm", width)
    yield from [("head.weight", (spec.classes, width)), ("head.bias", (spec.classes,))]


def block_shapes(key: str, width: int, side: int, sets: int, is_deployed: bool) -> Iterator[tuple[str, Shape]]:
    yield from [(f"{key}.gp.fc1.weight", (width // 4, width, 1, 1)), (f"{key}.gp.fc1.bias", (width // 4,))]
    yield from [(f"{key}.gp.fc2.weight", (width, width // 4, 1, 1)), (f"{key}.gp.fc2.bias", (width,))]
    yield f"{key}.fc3.weight", (sets * side**2, side**2, 1, 1)
    if is_deployed:
        yield f"{key}.fc3.bias", (sets * side**2,)
        return
    yield from norm_shapes(f"{key}.fc3_bn", sets)
    for kernel in (1, 3):
        yield from conv_bn_shapes(f"{key}.repconv{kernel}", (sets, 1, kernel, kernel))


def conv_bn_shapes(key: str, weight: Shape) -> Iterator[tuple[str, Shape]]:
    yield f"{key}.conv.weight", weight
    yield from norm_shapes(f"{key}.bn", weight[0])


def norm_shapes(key: str, width: int) -> Iterator[tuple[str, Shape]]:
    for name in ("weight", "bias", "running_mean", "running_var"):
        yield f"{key}.{name}", (width,)
    yield f"{key}.num_batches_tracked", ()


def drawn(spec: ArchSpec, is_deployed: bool = False) -> Weights:
    generator = torch.Generator().manual_seed(0)

    def draw(name: str, shape: Shape) -> Tensor:
        if not shape:
            return torch.tensor(7)
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        if len(shape) > 1:
            return noise * noise[0].numel() ** -0.5
        return 1 + 0.1 * noise.abs() if name.endswith(("weight", "running_var")) else 0.2 * noise

    return {name: draw(name, shape) for name, shape in shapes(spec, is_deployed)}


# The released forward pass


def normed(x: Tensor, w: Weights, key: str) -> Tensor:
    mean, var, weight, bias = (w[f"{key}.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
    return (x - mean[:, None, None]) / (var + 1e-5).sqrt()[:, None, None] * weight[:, None, None] + bias[:, None, None]


def conv_bn(x: Tensor, w: Weights, key: str, stride: int = 1) -> Tensor:
    return normed(F.conv2d(x, w[f"{key}.conv.weight"], stride=stride), w, f"{key}.bn")


def gate(x: Tensor, w: Weights, key: str) -> Tensor:
    hidden = F.relu(F.conv2d(F.adaptive_avg_pool2d(x, 1), w[f"{key}.fc1.weight"], w[f"{key}.fc1.bias"]))
    return F.conv2d(hidden, w[f"{key}.fc2.weight"], w[f"{key}.fc2.bias"]).sigmoid()


def of_set(w: Weights, key: str, number: int) -> Weights:
    """Return a batch norm's numbers of one share set."""
    return {name: value[number : number + 1] for name, value in w.items() if name.startswith(f"{key}.") and value.ndim}


def mixed(x: Tensor, w: Weights, key: str, sets: int, number: int) -> Tensor:
    """One partition's channels of share set `number`, (B, C / sets, h, w)."""
    tokens = x.shape[2] * x.shape[3]
    matrix = w[f"{key}.fc3.weight"].view(sets, tokens, tokens)[number]
    if f"{key}.fc3.bias" in w:
        return F.linear(x.flatten(2), matrix, w[f"{key}.fc3.bias"].view(sets, tokens)[number]).view(x.shape)
    planes = x.flatten(0, 1)[:, None]
    out = normed(F.linear(x.flatten(2), matrix).view(planes.shape), of_set(w, f"{key}.fc3_bn", number), f"{key}.fc3_bn")
    for kernel in (1, 3):
        name = f"{key}.repconv{kernel}"
        convolved = F.conv2d(planes, w[f"{name}.conv.weight"][number : number + 1], padding=kernel // 2)
        out = out + normed(convolved, of_set(w, f"{name}.bn", number), f"{name}.bn")
    return out.view(x.shape)


def block(x: Tensor, w: Weights, key: str, side: int, sets: int) -> Tensor:
    out = torch.empty_like(x)
    for top in range(0, x.shape[2], side):
        for left in range(0, x.shape[3], side):
            for number in range(sets):
                place = (slice(None), slice(number, None, sets), slice(top, top + side), slice(left, left + side))
                out[place] = mixed(x[place], w, key, sets, number)
    return out * gate(x, w, f"{key}.gp")


def repmlpnet(images: Tensor, w: Weights, spec: ArchSpec) -> Tensor:
    x = F.relu(conv_bn(images, w, "conv_embedding", stride=4))
    for number, stage in enumerate(spec.stages):
        x = F.relu(conv_bn(x, w, f"embeds.{number - 1}", stride=2)) if number else x
        for depth in range(stage.depth):
            key = f"stages.{number}.{depth}"
            x = x + block(normed(x, w, f"{key}.prebn1"), w, f"{key}.repmlp_block", *sizes(stage))
            hidden = F.gelu(conv_bn(normed(x, w, f"{key}.prebn2"), w, f"{key}.ffn_block.ffn_fc1"))
            x = x + conv_bn(hidden, w, f"{key}.ffn_block.ffn_fc2")
    return F.linear(normed(x, w, "head_norm").mean((2, 3)), w["head.weight"], w["head.bias"])


# Ours with the same weights


def filled(spec: ArchSpec, weights: Weights) -> Network:
    network = build(spec).double().eval()
    fill(network, weights, KEYS, "released")
    return network


def check(spec: ArchSpec, is_deployed: bool, batch: int) -> None:
    weights = drawn(spec, is_deployed)
    network = filled(deploy_spec(spec) if is_deployed else spec, weights)
    images = torch.randn(batch, 3, *spec.image, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        assert gap(network(images), repmlpnet(images, weights, spec)) < 1e-10


def stage(width: int, partition: int, share_sets: int, downsample: Layer) -> Stage:
    mixer = Layer.of("rep_mlp", partition=partition, share_sets=share_sets)
    return Stage(width, 2, mixer, norm=NORM, downsample=downsample, channel_mlp=Layer("batch_norm_mlp"))


SMALL = ArchSpec(
    (stage(24, 4, 4, Layer("merge")), stage(48, 2, 8, CONV)),
    Stem(4, NORM, bias=False, activation="relu"),
    (32, 48),
    classes=10,
    norm=NORM,
)


@pytest.mark.parametrize("is_deployed", [False, True])
def test_several_partitions_and_share_sets(is_deployed: bool) -> None:
    check(SMALL, is_deployed, batch=2)


def test_repmlpnet_t224() -> None:
    check(find("repmlpnet_t224").spec, is_deployed=False, batch=1)


def test_names_of_mmpretrain_lead_to_the_same_tensors() -> None:
    in_mmpretrain = {
        r"^conv_embedding\.conv": "patch_embed.projection",
        r"^conv_embedding\.bn": "patch_embed.norm",
        r"^embeds": "downsample_layers",
        r"prebn": "norm",
        r"gp\.fc(\d)": r"gp.conv\1.conv",
        r"^head_norm": "final_norm",
        r"^(?!head\.)": "backbone.",
        r"^head\.": "head.fc.",
    }
    weights = renamed = drawn(SMALL)
    for pattern, replacement in in_mmpretrain.items():
        renamed = {re.sub(pattern, replacement, name): value for name, value in renamed.items()}
    one, other = filled(SMALL, weights).state_dict(), filled(SMALL, renamed).state_dict()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("is_deployed", [False, True])
@pytest.mark.parametrize("name", [model.name for model in MODELS])
def test_every_model_takes_the_released_tensors(name: str, is_deployed: bool) -> None:
    spec = find(name).spec
    with torch.device("meta"):
        network = build(deploy_spec(spec) if is_deployed else spec)
        released = {key: torch.empty(shape) for key, shape in shapes(spec, is_deployed)}
    fill(network, released, KEYS, name)


def test_specs_leave_out_the_mixer_s_defaults() -> None:
    """One architecture has one key."""
    defaults = {name: option.default for name, option in options(RepMlp, skip=2).items()}
    for model in MODELS:
        for stage in model.spec.stages:
            assert not set(stage.mixer.options) & set(defaults.items())
