"""A cost is the sum of its pieces, measured on shapes alone: held against whole networks, torch's own counter, real
tensors on the CPU and closed forms."""

from dataclasses import astuple

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mlpnas import costs
from mlpnas.costs import Cost, cost, cost_table, stage_cost
from mlpnas.errors import ShapeError, SpecError, UnknownName
from mlpnas.nets import meter
from mlpnas.nets.network import Network, build
from mlpnas.plugins import names
from mlpnas.published import find
from mlpnas.spec import ArchSpec, Grid, Layer, Stage, Stem

GROUP, BATCH, AFFINE, NONE = Layer("group"), Layer("batch"), Layer("affine"), Layer("none")
SHIFT = Layer.of("axial_shift", shift_size=3)
WINDOWS = Layer.of("window_attention", window=4, head_dim=8)
HEADS = Layer.of("attention", head_dim=8)

SPECS = {
    "pyramid": ArchSpec(
        (Stage(16, 2, SHIFT, norm=GROUP), Stage(32, 3, WINDOWS, mlp_ratio=2), Stage(40, 1, Layer("token_mlp"))),
        Stem(4, GROUP),
        input_size=64,
        classes=10,
        norm=GROUP,
    ),
    "isotropic": ArchSpec(
        (Stage(24, 2, Layer("gmlp"), mlp_ratio=0), Stage(24, 2, HEADS, norm=BATCH, downsample=NONE)),
        Stem(8),
        input_size=(64, 32),
        channels=1,
        classes=3,
    ),
    "affine": ArchSpec((Stage(24, 3, Layer("token_linear"), 4, AFFINE, 0.1),), Stem(8), 32, classes=7, norm=AFFINE),
    "tokens": ArchSpec((Stage(24, 2, HEADS),), Stem(8), 32, classes=7, pool="cls", position_embedding=True),
    "bare": ArchSpec((Stage(16, 2, SHIFT, 1, NONE),), Stem(4), 32, classes=7, norm=NONE),
}


@pytest.fixture(params=SPECS.values(), ids=SPECS)
def spec(request: pytest.FixtureRequest) -> ArchSpec:
    return request.param


def kept_bytes(network: Network, batch: int) -> int:
    """Return the bytes that a real forward pass on the CPU keeps for backward, without parameters and buffers."""
    own = {tensor.untyped_storage().data_ptr() for tensor in (*network.parameters(), *network.buffers())}
    kept = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = network(torch.randn(batch, network.spec.channels, *network.spec.image))
    assert output.requires_grad
    return sum(kept.values())


def test_params_and_macs_are_those_of_the_whole_network(spec: ArchSpec) -> None:
    network = build(spec).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, spec.channels, *spec.image))
    measured = cost(spec)
    assert measured.params == sum(parameter.numel() for parameter in network.parameters())
    assert 2 * measured.macs == counter.get_total_flops()


def test_activation_bytes_are_those_of_a_real_training_step(spec: ArchSpec) -> None:
    """Bytes agree exactly but for batch norm, whose statistics are kept once per batch, not per image."""
    network = build(spec)
    marginal = kept_bytes(network, batch=5) - kept_bytes(network, batch=4)
    once = 0.002 if any(stage.norm == BATCH for stage in spec.stages) else 0
    assert cost(spec).activation_bytes == pytest.approx(marginal, rel=once, abs=0)


def test_peak_bytes_are_those_of_a_whole_inference(spec: ArchSpec) -> None:
    """The whole also holds the images, and what went into the network's, the stage's and the block's current call."""
    with torch.device("meta"):
        network, images = build(spec).eval(), torch.empty(1, spec.channels, *spec.image)
    own = {tensor.untyped_storage()._cdata for tensor in (*network.parameters(), *network.buffers())}
    with torch.no_grad(), meter.Meter(own) as whole:
        network(images)
    peak = cost(spec).peak_bytes
    largest = max(4 * grid.tokens * stage.width for grid, stage in zip(spec.grids(), spec.stages, strict=True))
    assert peak <= whole.peak <= peak + images.nbytes + 3 * largest


@pytest.mark.parametrize("norm", [Layer("layer"), GROUP])
@pytest.mark.parametrize("mixer", names("mixers"))
def test_known_shapes_change_no_count(mixer: str, norm: Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The meter replaces torch's slow shape functions; with them every figure but scratch space is the same."""
    stage, grid = Stage(224, 2, Layer(mixer), 0.25, norm), Grid(14, 14)
    quick = stage_cost(stage, grid)
    convolution = torch.ops.aten.convolution.default  # torch's own forgets the layout; see test_meter.py
    monkeypatch.setattr(meter, "_SHAPES", {convolution: meter._SHAPES[convolution]})
    costs._piece_cost.cache_clear()
    costs._stage_cost.cache_clear()
    slow = stage_cost(stage, grid)
    assert astuple(quick)[:3] == astuple(slow)[:3]
    assert quick.peak_bytes == pytest.approx(slow.peak_bytes, rel=0.01)


def test_costs_of_blocks_equal_their_formulas() -> None:
    """../shared/reference: AxialShift 4(C^2+C)+4C params, 4NC^2 MACs; channel MLP 2rC^2+rC+C, 2rNC^2; a norm 2C."""
    width, ratio, tokens = 20, 3, 36
    params = 4 * (width**2 + width) + 4 * width + 2 * ratio * width**2 + ratio * width + width + 2 * 2 * width
    macs = 4 * tokens * width**2 + 2 * ratio * tokens * width**2
    measured = stage_cost(Stage(width, 1, SHIFT, ratio, GROUP), Grid(6, 6))
    assert (measured.params, measured.macs) == (params, macs)


def test_kept_activations_of_a_channel_mlp() -> None:
    """The branch input and the normed map (C each), the hidden map before and after GELU (4C each)."""
    block = stage_cost(Stage(16, 1, Layer("token_linear"), 4, AFFINE), Grid(4, 4))
    mixing = stage_cost(Stage(16, 1, Layer("token_linear"), 0, AFFINE), Grid(4, 4))
    assert block.activation_bytes - mixing.activation_bytes == 4 * 16 * (16 + 16 + 64 + 64)


def test_peak_of_a_channel_mlp() -> None:
    """The residual, the normed map, and the hidden map before and after GELU."""
    block = stage_cost(Stage(16, 1, Layer("token_linear"), 4, AFFINE), Grid(4, 4))
    assert block.peak_bytes == 4 * 16 * (16 + 16 + 64 + 64)


def test_add_up_except_the_peak() -> None:
    assert Cost(1, 2, 3, 4) + Cost(10, 20, 30, 2) == Cost(11, 22, 33, 4)


def test_depth_multiplies() -> None:
    one, three = (stage_cost(Stage(16, depth, SHIFT), Grid(8, 8)) for depth in (1, 3))
    assert one + one + one == three


def test_every_second_block_is_shifted() -> None:
    """A shifted window keeps the same count, a plane of one window needs no shift: one and two blocks stay additive."""
    for grid in (Grid(8, 8), Grid(4, 4)):
        one, two = (stage_cost(Stage(16, depth, WINDOWS), grid) for depth in (1, 2))
        assert (two.params, two.macs) == (2 * one.params, 2 * one.macs)


def test_the_table_adds_up(spec: ArchSpec) -> None:
    rows = cost_table(spec)
    assert sum((row.cost for row in rows), Cost()) == cost(spec)
    stages = range(1, len(spec.stages) + 1)
    parts = [part for number in stages for part in (f"downsample {number}", f"stage {number}")][1:]
    assert [row.part for row in rows] == ["stem", *parts, "head"]
    assert rows[-1].output == (spec.classes,)


def test_batch_norm_on_a_grid_of_one() -> None:
    assert stage_cost(Stage(8, 1, SHIFT, norm=BATCH), Grid(1, 1)).macs == 12 * 8 * 8


@pytest.mark.parametrize(
    ("stage", "grid", "error", "says"),
    [
        (Stage(16, 1, Layer.of("axial_shift", shift_size=7)), Grid(8, 8), ShapeError, "widths that fit"),
        (Stage(16, 1, Layer.of("attention", head_dim=5)), Grid(8, 8), ShapeError, "those that do: 1, 2, 4, 8, 16"),
        (Stage(32, 1, Layer("window_attention")), Grid(8, 8), ShapeError, "windows that fit: 2, 4, 8"),
        (Stage(32, 1, Layer("window_attention")), Grid(7, 7, 1), ShapeError, "pool: avg"),
        (Stage(3, 1, Layer.of("gmlp", ratio=1)), Grid(8, 8), ShapeError, "even integer ratios"),
        (Stage(4, 1, Layer.of("token_mlp", ratio=0.2)), Grid(8, 8), ShapeError, "must be at least 1"),
        (Stage(8, 1, SHIFT, mlp_ratio=0.1), Grid(8, 8), ShapeError, "at least 1, or the ratio 0"),
        (Stage(16, 1, Layer.of("axial_shift", shfit=3)), Grid(8, 8), SpecError, "it has shift_size, dilation"),
        (
            Stage(16, 1, Layer.of("axial_shift", shift_size="3")),
            Grid(8, 8),
            SpecError,
            "got '3'; write it without quotes",
        ),
        (Stage(16, 1, Layer.of("axial_shift", shift_size=True)), Grid(8, 8), SpecError, "from 1 to 4096; got True"),
        (Stage(16, 1, Layer.of("token_mlp", ratio=True)), Grid(8, 8), SpecError, "from 0 to 1000; got True"),
        (Stage(16, 1, Layer.of("token_linear", size=1)), Grid(8, 8), SpecError, "it has none"),
        (Stage(16, 1, Layer("axialshift")), Grid(8, 8), UnknownName, "did you mean axial_shift"),
        (Stage(16, 1, SHIFT, norm=Layer("grop")), Grid(8, 8), UnknownName, "did you mean group"),
    ],
)
def test_what_cannot_be_built_says_so_every_time(stage: Stage, grid: Grid, error: type, says: str) -> None:
    for _ in range(2):
        with pytest.raises(error, match=says):
            stage_cost(stage, grid)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"stages": (Stage(16, 1, SHIFT), Stage(20, 1, HEADS))}, "stage 2: attention: head_dim 8"),
        (
            {"stages": (Stage(16, 1, SHIFT), Stage(20, 1, SHIFT, downsample=NONE))},
            "stage 2: .*use merge, conv or equal widths",
        ),
        ({"stages": (Stage(16, 1, SHIFT), Stage(32, 1, SHIFT)), "input_size": 36}, "stage 2: .*even grid, got 9x9"),
        ({"stages": (Stage(16, 1, SHIFT),), "input_size": 30}, "patch 4 does not divide the input 30x30"),
        ({"stages": (Stage(16, 1, SHIFT),), "norm": Layer.of("none", eps=1)}, "head: none has no option 'eps'"),
        (
            {"stages": (Stage(16, 1, SHIFT),), "stem": Stem(4, Layer.of("layer", eps="x"))},
            "stem: layer: eps: expected a number from 0 to 1000; got 'x'",
        ),
    ],
)
def test_the_place_is_named_alike_by_cost_and_build(changed: dict[str, object], says: str) -> None:
    spec = ArchSpec(**{"stem": Stem(4), "input_size": 32, **changed})
    for use in (cost, build):
        with pytest.raises(SpecError, match=says):
            use(spec)


def test_an_operator_with_its_own_formula_is_counted() -> None:
    """A custom kernel registers its FLOPs with torch, and nothing with us."""
    from torch.utils.flop_counter import flop_registry

    @torch.library.custom_op("mlpnas_test::double", mutates_args=())
    def double(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    double.register_fake(torch.empty_like)
    flop_registry[torch.ops.mlpnas_test.double] = lambda x, out_val=None: 2 * x.numel()
    with torch.device("meta"), meter.Meter() as counted:
        double(torch.empty(3, 5))
    del flop_registry[torch.ops.mlpnas_test.double]
    assert counted.flops == 30


def test_the_meter_forgets_what_is_freed() -> None:
    with torch.device("meta"), meter.Meter() as counted:
        for _ in range(3):
            torch.empty(100).add(1)
    assert counted.peak == 800


def test_costs_need_no_weights() -> None:
    """A network of 40 G parameters is measured on any machine."""
    assert cost(ArchSpec((Stage(2**16, 1, Layer("token_linear")),), Stem(32))).params > 34e9


def test_published_models_build_as_costed() -> None:
    with torch.device("meta"):
        network: nn.Module = build(find("swin_s").spec)
    assert sum(parameter.numel() for parameter in network.parameters()) == cost(find("swin_s").spec).params


@pytest.mark.parametrize(
    ("stage", "size", "says"),
    [
        (Stage(65_536, 1000, Layer("attention"), 1000), 8192, "stage 1: tensors of more bytes than can be counted"),
        (Stage(64, 1, Layer.of("window_attention", window=128)), 8192, "128x128 have 16384 tokens.*the most is 4096"),
        (
            Stage(64, 2, Layer.of("window_attention", window=64, shifted=True)),
            1024,
            "the mask of shifted windows holds",
        ),
    ],
)
def test_too_large_layers_are_refused_without_trying(stage: Stage, size: int, says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        cost(ArchSpec((stage,), Stem(1), size))
