"""The network around the mixers: layout, ends, norms, merging, starting weights, stochastic depth, what it refuses."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mlpnas.costs import cost
from mlpnas.errors import MlpnasError
from mlpnas.mixers.axial_shift import AxialShift
from mlpnas.mixers.gmlp import Gmlp
from mlpnas.mixers.window_attention import WindowAttention
from mlpnas.nets.branches import DropPath, Residual
from mlpnas.nets.channel_mlps import Mlp
from mlpnas.nets.downsamples import Merge
from mlpnas.nets.network import Network, build
from mlpnas.nets.norms import NORMS, norm
from mlpnas.plugins import names
from mlpnas.spec import NO_NORM, ArchSpec, Layer, Stage, Stem

SHIFT, HEADS = Layer.of("axial_shift", shift_size=3), Layer.of("attention", head_dim=8)
PYRAMID = ArchSpec(
    (Stage(12, 2, SHIFT), Stage(24, 1, SHIFT), Stage(24, 2, HEADS, downsample=Layer("none"))),
    Stem(4),
    input_size=(32, 48),
    classes=5,
)
VIT = ArchSpec((Stage(16, 2, HEADS),), Stem(8), 32, classes=5, pool="cls", position_embedding=True)


def images(spec: ArchSpec, batch: int = 2) -> Tensor:
    return torch.randn(batch, spec.channels, *spec.image)


def test_logits_and_maps() -> None:
    network = build(PYRAMID)
    assert network.spec is PYRAMID
    assert network(images(PYRAMID)).shape == (2, 5)
    shapes = [tuple(x.shape) for x in network.forward_features(images(PYRAMID))]
    assert shapes == [(2, 8, 12, 12), (2, 4, 6, 24), (2, 4, 6, 24)]


def test_maps_lead_to_the_logits() -> None:
    network, x = build(PYRAMID).eval(), images(PYRAMID)
    last = network.forward_features(x)[-1]
    torch.testing.assert_close(network.head(last), network(x))


def test_maps_leave_out_the_class_token() -> None:
    network, x = build(VIT).eval(), images(VIT)
    (last,) = network.forward_features(x)
    assert last.shape == (2, 4, 4, 16)
    torch.testing.assert_close(last.flatten(1, 2), network.stages[0](network.stem(x))[:, 1:])


def test_the_class_token_alone_is_classified() -> None:
    network, tokens = build(VIT).eval(), torch.randn(2, 17, 16)
    other = tokens.clone()
    other[:, 1:] = 0
    assert torch.equal(network.head(tokens), network.head(other))


def test_the_state_lies_in_memory_as_it_is_used() -> None:
    """Else every linear would copy it first."""
    for mixer in names("mixers"):
        network = build(ArchSpec((Stage(224, 1, Layer(mixer)),), Stem(2), 28, classes=2))
        assert network.stem(images(network.spec)).is_contiguous()
        assert network.forward_features(images(network.spec))[0].is_contiguous()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_stem_whose_patches_overlap_leaves_nothing_to_copy(channels: int, precision: torch.dtype) -> None:
    """Non-contiguous tokens took 2.6 times as long in all that follows, in bfloat16 inference."""
    stages = (Stage(16, 1, Layer("pooling"), norm=Layer("group")), Stage(24, 1, SHIFT, downsample=Layer("conv")))
    network = build(ArchSpec(stages, Stem(4, NO_NORM, kernel=7), 32, channels, classes=2)).eval()
    with torch.inference_mode(), torch.autocast("cpu", precision, enabled=precision != torch.float32):
        maps = network.forward_features(images(network.spec))
        assert all(x.is_contiguous() for x in (network.stem(images(network.spec)), *maps))


@pytest.mark.parametrize("name", NORMS)
def test_norms_are_those_of_channels_first(name: str) -> None:
    layer = norm(Layer(name), 6)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    x = torch.randn(3, 4, 5, 6) * 3 + 1
    planes = x.movedim(-1, 1)
    weight, bias = (getattr(layer, "weight", None), getattr(layer, "bias", None))
    expected = {
        "layer": lambda: F.layer_norm(x, (6,), weight, bias, 1e-6),
        "group": lambda: F.group_norm(planes, 1, weight, bias, 1e-5).movedim(1, -1),
        "batch": lambda: F.batch_norm(planes, None, None, weight, bias, True, eps=1e-5).movedim(1, -1),
        "affine": lambda: x * weight + bias,
        "none": lambda: x,
    }[name]()
    torch.testing.assert_close(layer(x), expected)
    torch.testing.assert_close(layer(x.flatten(1, 2)), expected.flatten(1, 2))


def test_options_of_a_norm_reach_it() -> None:
    assert norm(Layer.of("layer", eps=0.25), 4).eps == 0.25


def test_merging_gathers_in_swins_order() -> None:
    merge = Merge(1, 4, Layer("none"))
    merge.reduce = nn.Identity()
    cells = torch.arange(16.0).view(1, 4, 4, 1)
    assert merge(cells)[0, 0, 0].tolist() == [0, 4, 1, 5]  # (row, column): 00, 10, 01, 11
    assert merge(cells)[0, 1, 1].tolist() == [10, 14, 11, 15]


def test_blocks_alternate_unless_told() -> None:
    def shifts(mixer: Layer) -> list[bool]:
        network = build(ArchSpec((Stage(8, 4, mixer),), Stem(2), 16, classes=2))
        return [any(m.shift) for m in network.modules() if isinstance(m, WindowAttention)]

    windows = {"window": 4, "head_dim": 8}
    assert shifts(Layer.of("window_attention", **windows)) == [False, True, False, True]
    assert shifts(Layer.of("window_attention", **windows, shifted=True)) == [True] * 4
    assert shifts(Layer.of("window_attention", **windows, shifted=False)) == [False] * 4
    assert shifts(Layer.of("window_attention", window=8, head_dim=8)) == [False] * 4


def test_without_a_channel_mlp_a_block_has_one_branch() -> None:
    network = build(ArchSpec((Stage(8, 3, Layer("gmlp"), mlp_ratio=0),), Stem(8), 32, classes=2))
    assert sum(isinstance(module, Residual) for module in network.modules()) == 3
    assert not any(isinstance(module, Mlp) for module in network.modules())


def test_starting_weights() -> None:
    torch.manual_seed(0)
    mixers = (SHIFT, Layer("gmlp"), Layer.of("window_attention", window=4))
    stages = [Stage(96, 1, mixer, downsample=Layer("none"), layer_scale=0.1) for mixer in mixers]
    network = build(ArchSpec(tuple(stages), Stem(8), 64, position_embedding=True))
    shift, gmlp, windows = (
        next(m for m in network.modules() if isinstance(m, kind)) for kind in (AxialShift, Gmlp, WindowAttention)
    )
    mlp = next(m for m in network.stages[1:].modules() if isinstance(m, Mlp))
    for weight in (mlp.expand.weight, gmlp.expand.weight, windows.qkv.weight, network.head.classifier.weight):
        assert weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert network.stem.positions.std().item() == pytest.approx(0.02, rel=0.05)
    assert windows.position_bias.std().item() == pytest.approx(0.02, rel=0.2)
    for bias in (mlp.expand.bias, windows.project.bias, network.head.classifier.bias):
        assert not bias.any()
    assert shift.leave.weight.std().item() == pytest.approx((3 * 96) ** -0.5, rel=0.05)  # torch's default
    assert shift.leave.bias.any()
    assert gmlp.gate.mix.weight.std() < 2e-6
    assert (gmlp.gate.mix.bias == 1).all()
    assert (network.stages[0].blocks[0].token_mixing.scale.weight == 0.1).all()


def test_an_as_mlp_starts_as_the_released_one() -> None:
    """svip-lab/AS-MLP, models/as_mlp.py: all but the classifier are convolutions, which keep PyTorch's default."""
    torch.manual_seed(0)
    group = Layer("group")
    network = build(ArchSpec((Stage(48, 1, SHIFT, norm=group), Stage(96, 1, SHIFT, norm=group)), Stem(4), 32))
    *convolutions, classifier = (module for module in network.modules() if isinstance(module, nn.Linear))
    assert len(convolutions) == 1 + 2 * (4 + 2) + 1
    for linear in convolutions:
        theirs = nn.Conv2d(linear.in_features, linear.out_features, 1)
        assert linear.weight.std().item() == pytest.approx(theirs.weight.std().item(), rel=0.1)
        assert linear.weight.abs().max() <= linear.in_features**-0.5
        assert linear.bias is None or linear.bias.any()
    assert classifier.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not classifier.bias.any()


def test_the_class_token_starts_near_zero() -> None:
    token = build(VIT).stem.class_token
    assert token.shape == (16,)
    assert 0 < token.abs().max() < 1e-5


def test_same_seed_same_network() -> None:
    def weights() -> list[Tensor]:
        torch.manual_seed(3)
        return list(build(PYRAMID).parameters())

    assert all(torch.equal(one, other) for one, other in zip(weights(), weights(), strict=True))


def test_drop_path_ramps_up_over_the_blocks() -> None:
    network = build(replace(PYRAMID, stages=(*PYRAMID.stages[:2],)), drop_path=0.2)
    rates = [module.rate for module in network.modules() if isinstance(module, DropPath)]
    assert rates == pytest.approx([0, 0, 0.1, 0.1, 0.2, 0.2])


def test_drop_path_drops_whole_images_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    drop, x = DropPath(0.25), torch.ones(4000, 2, 3)
    y = drop(x)
    assert y.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (y.flatten(1).amax(1) == y.flatten(1).amin(1)).all()
    assert y.mean().item() == pytest.approx(1, abs=0.03)
    assert drop.eval()(x) is x


def test_drop_path_reaches_training_only() -> None:
    torch.manual_seed(0)
    network, x = build(PYRAMID, drop_path=0.9), images(PYRAMID, batch=8)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.3)
    assert not torch.equal(network(x), network(x))
    assert torch.equal(network.eval()(x), network(x))


def test_builds_on_the_meta_device() -> None:
    with torch.device("meta"):
        network = build(VIT)
        assert network(torch.empty(2, 3, 32, 32)).shape == (2, 5)
    assert all(parameter.is_meta for parameter in network.parameters())


def test_weights_survive_a_state_dict() -> None:
    one, other = build(PYRAMID).eval(), build(PYRAMID).eval()
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(images(PYRAMID).fill_(1)), other(images(PYRAMID).fill_(1)))


def test_whole_networks_export() -> None:
    network, x = build(PYRAMID).eval(), images(PYRAMID)
    program = torch.export.export(network, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},))
    other = images(PYRAMID, batch=3)
    torch.testing.assert_close(program.module()(other), network(other), rtol=1e-4, atol=1e-5)


def layers(*layers: Layer) -> st.SearchStrategy[Layer]:
    return st.sampled_from(layers)


MIXERS = layers(*(Layer(name) for name in names("mixers")), SHIFT, HEADS, Layer.of("window_attention", window=2))
STAGES = st.builds(
    Stage,
    width=st.sampled_from([6, 8, 16, 32]),
    depth=st.integers(1, 2),
    mixer=MIXERS,
    mlp_ratio=st.sampled_from([0, 0.5, 2]),
    norm=layers(*map(Layer, NORMS)),
    layer_scale=st.sampled_from([None, 0.1]),
    downsample=layers(Layer("merge"), Layer("none")),
)
SPECS = st.builds(
    ArchSpec,
    stages=st.lists(STAGES, min_size=1, max_size=3).map(tuple),
    stem=st.builds(Stem, st.sampled_from([2, 4]), layers(*map(Layer, NORMS))),
    input_size=st.sampled_from([8, 16, (16, 8), 12]),
    channels=st.integers(1, 3),
    classes=st.integers(1, 5),
    norm=layers(*map(Layer, NORMS)),
    pool=st.sampled_from(["avg", "cls"]),
    position_embedding=st.booleans(),
)


@settings(max_examples=100)
@given(SPECS)
def test_what_can_be_costed_can_be_built_and_trained(spec: ArchSpec) -> None:
    expected, network = (outcome(use, spec) for use in (cost, build))
    if isinstance(expected, str):
        assert network == expected
        return
    assert sum(parameter.numel() for parameter in network.parameters()) == expected.params
    assert [tuple(x.shape) for x in network.forward_features(images(spec))] == [
        (2, grid.height, grid.width, stage.width) for grid, stage in zip(spec.grids(), spec.stages, strict=True)
    ]
    assert trained(network, images(spec)) == []


def outcome(use: Callable[[ArchSpec], Any], spec: ArchSpec) -> Any:
    try:
        return use(spec)
    except MlpnasError as error:
        return str(error)


def trained(network: Network, x: Tensor) -> list[str]:
    """Parameters that a step of training does not reach."""
    network(x).square().sum().backward()
    return [key for key, parameter in network.named_parameters() if parameter.grad is None]
