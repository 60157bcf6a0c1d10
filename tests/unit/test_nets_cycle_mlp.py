"""CycleMLP against a second forward pass over the released names, with torchvision's deformable convolution."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor

from mlpnas.errors import ShapeError
from mlpnas.mixers.axial_shift import COLUMNS, ROWS
from mlpnas.mixers.cycle_fc import CycleFc, _pad_and_join, cycle_shift
from mlpnas.published import cycle_mlp, find
from mlpnas.spec import ArchSpec, Grid, Layer
from tests.support import released_vip
from tests.support.released_vip import Shapes, Weights, linear, pointwise

deform_conv2d: Callable[..., Tensor] = pytest.importorskip("torchvision.ops").deform_conv2d
NAMES = [model.name for model in cycle_mlp.MODELS]
B1 = find("cycle_mlp_b1").spec


def branch_shapes(key: str, dim: int) -> Shapes:
    """Return the released state dict; its layers keep their offsets as a buffer."""
    found = {f"{key}.mlp_c.weight": (dim, dim)}
    for axis in "hw":
        found |= linear(f"{key}.sfc_{axis}", dim, dim) | {f"{key}.sfc_{axis}.offset": (1, 2 * dim, 1, 1)}
    return found


def cycle_fc(x: Tensor, w: Weights, key: str, kernel: tuple[int, int]) -> Tensor:
    """One of the two numbers in `kernel` is 1; the input's channels read at (vertical, horizontal) offsets."""
    size = max(kernel)
    steps = [(channel + size // 2) % size - size // 2 for channel in range(x.shape[1])]
    pairs = [(0, step) if kernel[0] == 1 else (step, 0) for step in steps]
    offsets = torch.tensor(pairs, dtype=x.dtype).view(1, -1, 1, 1).expand(x.shape[0], -1, *x.shape[2:])
    return deform_conv2d(x, offsets, w[f"{key}.weight"][:, :, None, None], w[f"{key}.bias"])


def branches(x: Tensor, w: Weights, key: str, cycle: int = 3) -> list[Tensor]:
    return [
        cycle_fc(x, w, f"{key}.sfc_h", (1, cycle)),
        cycle_fc(x, w, f"{key}.sfc_w", (cycle, 1)),
        pointwise(x, w, f"{key}.mlp_c"),
    ]


def small(mixer: Layer) -> ArchSpec:
    """Return a network on 16x24, 8x12, 4x6 and 2x3 patches, with widths that no cycle divides."""
    widths, depths = (8, 16, 22, 32), (2, 1, 2, 1)
    stages = zip(B1.stages, widths, depths, strict=True)
    return replace(
        B1,
        stages=tuple(replace(stage, width=width, depth=depth, mixer=mixer) for stage, width, depth in stages),
        input_size=(64, 96),
        classes=10,
    )


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-5), (torch.float64, 1e-10)], ids=str)
@pytest.mark.parametrize(
    ("spec", "cycle"),
    [(small(Layer("cycle_fc")), 3), (small(Layer.of("cycle_fc", cycle=7)), 7), (B1, 3)],
    ids=["small", "cycle of 7", "cycle_mlp_b1"],
)
def test_same_logits(spec: ArchSpec, cycle: int, dtype: torch.dtype, bound: float) -> None:
    state = released_vip.random_state(released_vip.shapes(spec, branch_shapes), dtype)
    assert released_vip.difference(spec, state, cycle_mlp.KEYS, partial(branches, cycle=cycle)) < bound


@pytest.mark.parametrize("name", NAMES)
def test_released_names_and_sizes(name: str) -> None:
    released_vip.check_sizes(find(name).spec, branch_shapes, cycle_mlp.KEYS)


@pytest.mark.parametrize("axis", [ROWS, COLUMNS])
@pytest.mark.parametrize("cycle", [1, 3, 5, 9])
def test_the_shift_is_its_definition_however_it_runs(axis: int, cycle: int) -> None:
    x = torch.randn(2, 3, 4, 11)
    expected, length = torch.zeros_like(x), x.shape[axis]
    for channel in range(11):
        offset = (channel + cycle // 2) % cycle - cycle // 2
        for place in range(length):
            if 0 <= place + offset < length:
                read = x[..., channel].select(axis + 1, place + offset)
                expected[..., channel].select(axis + 1, place).copy_(read)
    assert torch.equal(cycle_shift(x, axis, cycle), expected)
    assert torch.equal(_pad_and_join(x, axis, cycle), expected)
    assert torch.equal(torch.vmap(lambda image: cycle_shift(image, axis, cycle))(x), expected)


@pytest.mark.parametrize("axis", [ROWS, COLUMNS])
def test_gradient_of_the_shift(axis: int) -> None:
    x = torch.randn(1, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: cycle_shift(x, axis, 5), (x,))


def test_weights_fit_another_input_size() -> None:
    shapes = [[tuple(p.shape) for p in CycleFc(8, grid).parameters()] for grid in (Grid(4, 4), Grid(3, 9))]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("dim", "grid", "cycle", "says"),
    [
        (32, Grid(4, 4), 4, "cycle must be odd, got 4; use 5"),
        (32, Grid(4, 4), -3, "use 1"),
        (4, Grid(4, 4), 5, "use 5 or more"),
        (3, Grid(4, 4), 3, "use 4 or more"),
        (32, Grid(4, 4, extra=1), 3, "pool: avg"),
    ],
)
def test_a_misfit_is_refused_with_the_remedy(dim: int, grid: Grid, cycle: int, says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        CycleFc(dim, grid, cycle=cycle)
