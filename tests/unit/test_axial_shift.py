"""The shift itself: the released formulation bit for bit, its gradient, and how it goes through torch's transforms."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mlpnas.errors import ShapeError
from mlpnas.mixers.axial_shift import COLUMNS, ROWS, AxialShift, axial_shift
from mlpnas.spec import Grid

AXES = st.sampled_from([ROWS, COLUMNS])


def released(x: Tensor, axis: int, shift_size: int, dilation: int = 1) -> Tensor:
    """Pad, chunk, roll, crop, on (B, C, H, W): svip-lab/AS-MLP, models/as_mlp.py; `dilation` is ours."""
    dim, pad = {ROWS: (2, shift_size // 2 * dilation), COLUMNS: (3, shift_size // 2 * dilation)}[axis]
    planes = F.pad(x.movedim(-1, 1), (pad, pad, pad, pad))
    chunks = planes.chunk(shift_size, 1)
    steps = range(-pad, pad + 1, dilation)
    moved = torch.cat([chunk.roll(step, dim) for chunk, step in zip(chunks, steps, strict=False)], 1)
    return moved.narrow(2, pad, x.shape[1]).narrow(3, pad, x.shape[2]).movedim(1, -1)


@given(
    axis=AXES,
    shift_size=st.sampled_from([1, 3, 5, 7, 9, 11]),
    dilation=st.integers(1, 3),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    channels=st.integers(1, 40),
)
def test_equals_the_released_formulation(
    axis: int, shift_size: int, dilation: int, height: int, width: int, channels: int
) -> None:
    x = torch.randn(2, height, width, channels)
    assert torch.equal(axial_shift(x, axis, shift_size, dilation), released(x, axis, shift_size, dilation))


@given(axis=AXES, shift_size=st.sampled_from([1, 3, 5]), dilation=st.integers(1, 2), side=st.integers(1, 5))
def test_gradient_is_the_released_one(axis: int, shift_size: int, dilation: int, side: int) -> None:
    x = torch.randn(1, side, side + 1, 6, requires_grad=True)
    y = axial_shift(x, axis, shift_size, dilation)
    grad = torch.randn_like(y)
    (ours,) = torch.autograd.grad(y, x, grad)
    (theirs,) = torch.autograd.grad(released(x, axis, shift_size, dilation), x, grad)
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("axis", [ROWS, COLUMNS])
def test_gradients_of_both_orders(axis: int) -> None:
    x = torch.randn(1, 4, 3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: axial_shift(x, axis, 5).square(), x)
    assert torch.autograd.gradgradcheck(lambda x: axial_shift(x, axis, 5).square(), x)


def test_first_group_moves_towards_lower_indices() -> None:
    x = torch.arange(1.0, 5).view(1, 1, 4, 1).expand(1, 1, 4, 3)
    assert axial_shift(x, COLUMNS, 3)[0, 0].T.tolist() == [[2, 3, 4, 0], [1, 2, 3, 4], [0, 1, 2, 3]]


def test_keeps_nothing_for_the_backward_pass() -> None:
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda x: x):
        axial_shift(torch.randn(1, 4, 4, 10, requires_grad=True), ROWS, 5)
    assert kept == []


def test_layout_of_the_input_does_not_matter() -> None:
    x = torch.randn(2, 10, 6, 7).movedim(1, -1)
    assert torch.equal(axial_shift(x, ROWS, 5), axial_shift(x.contiguous(), ROWS, 5))
    assert axial_shift(x, ROWS, 5).is_contiguous()


def test_vmap() -> None:
    x = torch.randn(3, 2, 5, 4, 10)
    expected = torch.stack([axial_shift(part, ROWS, 5, 2) for part in x])
    assert torch.equal(torch.vmap(lambda part: axial_shift(part, ROWS, 5, 2))(x), expected)
    last = torch.vmap(lambda part: axial_shift(part, ROWS, 5, 2), in_dims=4, out_dims=4)(x.movedim(0, 4))
    assert torch.equal(last, expected.movedim(0, 4))


def test_functional_gradient_per_image() -> None:
    x = torch.randn(3, 5, 4, 10)
    grads = torch.vmap(torch.func.grad(lambda part: axial_shift(part, COLUMNS, 5).square().sum()))(x)
    (expected,) = torch.autograd.grad(axial_shift(x.requires_grad_(), COLUMNS, 5).square().sum(), x)
    assert torch.equal(grads, expected)


def test_compiles_in_one_graph() -> None:
    x = torch.randn(2, 6, 7, 10, requires_grad=True)
    y = torch.compile(axial_shift, backend="aot_eager", fullgraph=True)(x, ROWS, 5, 2)
    assert torch.equal(y, axial_shift(x, ROWS, 5, 2))
    grad = torch.randn_like(y)
    expected = torch.autograd.grad(axial_shift(x, ROWS, 5, 2), x, grad)
    assert torch.equal(torch.autograd.grad(y, x, grad)[0], expected[0])


def test_exports_without_writing_in_place() -> None:
    """Compilers fuse pad and cat; slices written in place have given wrong gradients and minutes of compilation."""
    program = torch.export.export(AxialShift(10, Grid(4, 4)), (torch.randn(2, 4, 4, 10),))
    operators = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert "aten.pad.default" in operators
    assert not {name for name in operators if "_." in name}


@pytest.mark.parametrize(
    ("dim", "options", "remedy"),
    [
        (96, {"shift_size": 4}, "shift_size must be odd, got 4; use 5"),
        (96, {"shift_size": 0}, "use 1"),
        (96, {"shift_size": -3}, "use 1"),
        (96, {"dilation": 0}, "dilation must be at least 1"),
        (16, {"shift_size": 7}, "widths that fit: 19, 20, 21; shift sizes that fit: 1, 3"),
        (6, {"shift_size": 5}, "makes 3 channel groups, not 5"),
        (2, {"shift_size": 3}, "shift sizes that fit: 1"),
    ],
)
def test_says_what_fits(dim: int, options: dict[str, int], remedy: str) -> None:
    with pytest.raises(ShapeError, match=remedy):
        AxialShift(dim, Grid(7, 7), **options)


@given(dim=st.integers(1, 120), shift_size=st.sampled_from([1, 3, 5, 7, 9, 11]))
def test_accepts_where_every_offset_has_channels(dim: int, shift_size: int) -> None:
    complete = len(torch.zeros(dim).chunk(shift_size)) == shift_size
    if complete:
        AxialShift(dim, Grid(2, 2), shift_size=shift_size)
    else:
        with pytest.raises(ShapeError, match="channel groups"):
            AxialShift(dim, Grid(2, 2), shift_size=shift_size)
