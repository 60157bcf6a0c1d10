"""The sizes of inputs: checked where weights belong to a grid, free otherwise."""

from dataclasses import replace

import pytest
import torch

from mlpnas.errors import ShapeError
from mlpnas.mixers.identity import Identity
from mlpnas.nets.network import build
from mlpnas.nets.plan import has_fixed_grid, resolution
from mlpnas.plugins import names
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from tests.support.plugged_in import plugged_in

SHIFT = Layer.of("axial_shift", shift_size=3)
PYRAMID = ArchSpec((Stage(12, 2, SHIFT), Stage(24, 1, SHIFT)), Stem(4), input_size=(32, 48), classes=5)
FIXED = replace(PYRAMID, stages=(Stage(12, 1, Layer("token_mlp")), *PYRAMID.stages[1:]))
INTERPOLATED = replace(PYRAMID, position_embedding=True)


@pytest.mark.parametrize("spec", [FIXED, INTERPOLATED], ids=["fixed grid", "position table"])
@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 48, 32), (1, 32, 48), (3, 32, 48, 1)])
def test_networks_bound_to_a_grid_name_other_sizes(spec: ArchSpec, shape: tuple[int, ...]) -> None:
    network, got = build(spec), "x".join(map(str, shape))
    for use in (network, network.forward_features):
        with pytest.raises(ShapeError, match=f"takes images of 3x32x48 .* got {got}"):
            use(torch.randn(2, *shape))


@pytest.mark.parametrize("shape", [(1, 32, 48), (3, 32), (3, 32, 48, 1)])
def test_free_networks_name_other_channels(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="takes images of 3x32x48"):
        build(PYRAMID)(torch.randn(2, *shape))


@pytest.mark.parametrize("size", [(32, 44), (36, 48), (3, 48)])
def test_free_networks_name_sizes_that_do_not_divide(size: tuple[int, int]) -> None:
    with pytest.raises(ShapeError, match=r"multiples of 8, got 3x\d+x\d+"):
        build(PYRAMID).forward_features(torch.randn(2, 3, *size))


FREE_MIXERS = [Layer(name) for name in names("mixers") if not has_fixed_grid(name)]


@pytest.mark.parametrize("mixer", FREE_MIXERS, ids=str)
def test_free_networks_run_at_every_size_that_divides(mixer: Layer) -> None:
    spec = ArchSpec((Stage(32, 2, mixer), Stage(64, 2, mixer)), Stem(4), 112, classes=5)
    torch.manual_seed(0)
    network = build(spec).eval()
    for size in ((112, 168), (224, 112)):
        other = build(spec.at(size)).eval()
        other.load_state_dict(network.state_dict())
        x = torch.randn(2, 3, *size)
        torch.testing.assert_close(network(x), other(x))
    for size in ((120, 16), (64, 136)):
        assert network(torch.randn(2, 3, *size)).shape == (2, 5)
        assert [m.shape[1] * 4 * (i + 1) for i, m in enumerate(network.forward_features(torch.randn(1, 3, *size)))] == [
            size[0]
        ] * 2


def test_the_old_name_of_fixed_grid_works_with_a_warning() -> None:
    class Old(Identity):
        locked = True

    with (
        plugged_in("mixers", {"old": Old}),
        pytest.warns(DeprecationWarning, match="write fixed_grid instead of locked"),
    ):
        assert resolution(ArchSpec((Stage(8, 1, Layer("old")),), Stem(4), 8)) == "fixed"
