"""ViP against a second forward pass over the released names, and its mixer's demands."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mlpnas.errors import ShapeError
from mlpnas.mixers.permute import Permute
from mlpnas.published import find, vip
from mlpnas.spec import ArchSpec, Grid
from tests.support import released_vip
from tests.support.released_vip import Shapes, Weights, pointwise

NAMES = [model.name for model in vip.MODELS]


def branch_shapes(key: str, dim: int) -> Shapes:
    return {f"{key}.mlp_{axis}.weight": (dim, dim) for axis in "chw"}


def branches(x: Tensor, w: Weights, key: str) -> list[Tensor]:
    """Segment s, place j: channel s * S + j. A matrix row is (position, place), and so is a column."""
    (_, dim, height, width), planes = x.shape, []
    for axis, side, product in (("h", height, "klhj,bsjhw->bslkw"), ("w", width, "klwj,bsjhw->bslhk")):
        segments = x.unflatten(1, (side, dim // side))
        matrix = w[f"{key}.mlp_{axis}.weight"].view(side, dim // side, side, dim // side)
        planes.append(torch.einsum(product, matrix, segments).flatten(1, 2))
    return [*planes, pointwise(x, w, f"{key}.mlp_c")]


def small(name: str, widths: tuple[int, ...]) -> ArchSpec:
    """Return a published model's boundaries; 56 x 84 pixels are 8x12 patches of 7."""
    spec = find(name).spec
    stages = (replace(stage, width=width, depth=2) for stage, width in zip(spec.stages, widths, strict=True))
    return replace(spec, stages=tuple(stages), input_size=(56, 84), classes=10)


SPECS = {
    "halved early": small("vip_small7", (24, 36, 36, 36)),
    "halved late": small("vip_medium7", (24, 24, 60, 60)),
    "never halved": small("vip_small14", (48, 48, 48, 48)),
    "vip_small7": find("vip_small7").spec,
}


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-5), (torch.float64, 1e-10)], ids=str)
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_same_logits(spec: ArchSpec, dtype: torch.dtype, bound: float) -> None:
    state = released_vip.random_state(released_vip.shapes(spec, branch_shapes), dtype)
    assert released_vip.difference(spec, state, vip.KEYS, branches) < bound


@pytest.mark.parametrize("name", NAMES)
def test_released_names_and_sizes(name: str) -> None:
    released_vip.check_sizes(find(name).spec, branch_shapes, vip.KEYS)


@pytest.mark.parametrize(
    ("dim", "grid", "says"),
    [
        (32, Grid(14, 14), "multiples of 14"),
        (8, Grid(8, 12), "multiples of 24"),
        (2, Grid(1, 2), "use 4 or more"),
        (28, Grid(14, 14, extra=1), "pool: avg"),
    ],
)
def test_a_misfit_is_refused_with_the_remedy(dim: int, grid: Grid, says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        Permute(dim, grid)
