"""The receptive field: exactly the pixels that a path leads from, and the words and pictures made of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mlpnas.errors import SpecError
from mlpnas.receptive_field import _ConstantStatistics, block_fields, extent, receptive_field, receptive_fields
from mlpnas.spec import ArchSpec, Layer, Stage, Stem


def spec(mixer: Layer, depth: int = 1, size: int = 60, **changes: object) -> ArchSpec:
    """One stage on tokens of 4 x 4 pixels."""
    return ArchSpec((Stage(32, depth, mixer, mlp_ratio=1),), Stem(4), size, classes=2, **changes)  # type: ignore[arg-type]


def shift(size: int, dilation: int = 1) -> Layer:
    return Layer.of("axial_shift", shift_size=size, dilation=dilation)


def cross(side: int, size: int, dilation: int) -> np.ndarray:
    """Return the tokens that AS-MLP's shifts bring to the centre (arXiv:2107.08391, figure 3)."""
    seen, middle = np.zeros((side, side), bool), side // 2
    reach = [middle + (step - size // 2) * dilation for step in range(size)]
    seen[reach, middle] = seen[middle, reach] = True
    return seen


@pytest.mark.parametrize(("size", "dilation"), [(3, 1), (5, 1), (5, 2), (7, 2)])
def test_a_block_of_shifts_sees_a_cross(size: int, dilation: int) -> None:
    (field,) = block_fields(spec(shift(size, dilation)))
    assert (field > 0).tolist() == cross(15, size, dilation).tolist()
    assert field.sum() == pytest.approx(1)


def test_depth_adds_the_reaches_up() -> None:
    one, two = (receptive_field(spec(shift(3), depth)) for depth in (1, 2))
    assert extent(one).box == (12, 12)
    assert extent(two).box == (20, 20)
    assert np.count_nonzero(two) == 13 * 16  # a diamond of 13 tokens


@pytest.mark.parametrize("norm", ["group", "batch", "layer", "affine"])
def test_statistics_over_the_map_are_no_path(norm: str) -> None:
    plain = spec(shift(3))
    normed = replace(plain, stages=(replace(plain.stages[0], norm=Layer(norm)),))
    assert extent(receptive_field(normed)).box == (12, 12)


@pytest.mark.parametrize("mixer", ["attention", "token_mlp", "gmlp", "token_linear"])
@pytest.mark.parametrize("pool", ["avg", "cls", "distilled"])
def test_global_mixing_sees_everything(mixer: str, pool: str) -> None:
    everywhere = spec(Layer(mixer), size=24, pool=pool)
    for field in (*block_fields(everywhere), *receptive_fields(everywhere)):
        assert extent(field).share == 1
        assert field.max() < 0.9  # and not in name only, though a gate begins shut


def test_a_small_layer_scale_hides_nothing() -> None:
    wide = spec(shift(5))
    scaled = replace(wide, stages=(replace(wide.stages[0], layer_scale=1e-6),))
    np.testing.assert_allclose(receptive_field(scaled), receptive_field(wide))


def test_every_stage_has_its_field() -> None:
    stages = (Stage(16, 1, shift(3)), Stage(32, 1, Layer("identity")), Stage(32, 1, Layer("token_mlp")))
    first, second, third = receptive_fields(ArchSpec(stages, Stem(4), (48, 64), channels=1))
    assert first.shape == (48, 64)
    assert extent(first).box == (12, 12)
    assert extent(second).box == (16, 16)  # four crosses side by side
    assert extent(third).box == (48, 64)


def test_same_seed_same_field_and_no_other_randomness_is_touched() -> None:
    small = spec(shift(3), size=20)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = receptive_field(small, samples=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert (receptive_field(small, samples=2) == first).all()
    assert (receptive_field(small, samples=2, seed=1) != first).any()


@pytest.mark.parametrize("stage", [1, -2])
def test_no_such_stage(stage: int) -> None:
    with pytest.raises(SpecError, match="the last of the 1 is -1"):
        receptive_field(spec(shift(3)), stage)


def test_group_norm_with_constant_statistics_computes_the_same() -> None:
    x, weight, bias = torch.randn(2, 6, 3, 4, requires_grad=True), torch.randn(6), torch.randn(6)
    with _ConstantStatistics():
        out, bare = F.group_norm(x, 3, weight, bias, 1e-3), F.group_norm(x, 2)
    torch.testing.assert_close(out, F.group_norm(x, 3, weight, bias, 1e-3))
    torch.testing.assert_close(bare, F.group_norm(x, 2))
    (gradient,) = torch.autograd.grad(out[0, 1, 2, 3], x)
    assert gradient.count_nonzero() == 1


def test_extent() -> None:
    field = np.zeros((20, 40))
    field[4:14, 8], field[9, 8:38] = 0.002, 0.002
    field[8:11, 7:12] = 1
    assert extent(field / field.sum()) == (48 / 800, (10, 31), (3, 5))
