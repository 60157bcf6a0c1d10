"""The contract of every token mixer."""

from functools import cache
from inspect import Parameter
from typing import Literal, get_args, get_origin

import pytest
import torch
from torch import Tensor, nn

from mlpnas.errors import ShapeError
from mlpnas.nets.network import build
from mlpnas.plugins import find, names, options
from mlpnas.spec import ArchSpec, Grid, Layer, Stage, Stem

PLANE, TOKENS = Grid(14, 14), Grid(14, 14, extra=1)
WIDTHS = (32, 56)  # some mixers need channels that the sides of the grid divide
FIXED_BY_MEANING = {"permute"}  # a segment is dim / side channels: equal shapes, other rows and columns
MIXERS = names("mixers")
FREE = [name for name in MIXERS if not getattr(find("mixers", name), "plane", False)]
CASES = [(name, PLANE) for name in MIXERS] + [(name, TOKENS) for name in FREE]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{'tokens' if case[1].extra else 'plane'}")
def case(request: pytest.FixtureRequest) -> tuple[str, Grid]:
    return request.param


@cache
def width(name: str) -> int:
    """Return the first of the widths that fits."""
    for dim in WIDTHS:
        try:
            find("mixers", name)(dim, PLANE)
        except ShapeError:
            continue
        return dim
    raise AssertionError(f"{name} fits none of the widths {WIDTHS}")


def make(name: str, grid: Grid = PLANE, **given: object) -> nn.Module:
    dim = width(name)  # builds one, the first time
    torch.manual_seed(0)
    return find("mixers", name)(dim, grid, **given)


def tokens(name: str, grid: Grid, batch: int = 2) -> Tensor:
    return torch.randn(batch, *grid.shape, width(name), generator=torch.Generator().manual_seed(1))


def scrambled(mixer: nn.Module) -> nn.Module:
    """Set weights far from special initial values (gates of 1, tables of 0)."""
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.normal_(std=0.2)
    return mixer


def test_keeps_the_shape(case: tuple[str, Grid]) -> None:
    name, grid = case
    assert make(name, grid)(tokens(name, grid)).shape == (2, *grid.shape, width(name))


def test_mixes_tokens(case: tuple[str, Grid]) -> None:
    """A change of one token reaches others of its image, and no other image; the identity says that it is one."""
    name, grid = case
    mixer, x = scrambled(make(name, grid)).eval(), tokens(name, grid)
    if isinstance(mixer, nn.Identity):
        assert torch.equal(mixer(x), x)
        return
    changed = x.clone()
    changed[0, 3] += 1
    difference = (mixer(changed) - mixer(x)).abs().amax(-1)
    assert (difference[0, 4:] > 0).any()
    assert (difference[1] == 0).all()


def test_gradient_reaches_every_parameter(case: tuple[str, Grid]) -> None:
    name, grid = case
    mixer, x = scrambled(make(name, grid)), tokens(name, grid).requires_grad_()
    mixer(x).square().sum().backward()
    assert x.grad is not None
    assert [key for key, p in mixer.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_runs_on_the_meta_device(case: tuple[str, Grid]) -> None:
    name, grid = case
    with torch.device("meta"):
        y = make(name, grid)(torch.empty(2, *grid.shape, width(name)))
    assert y.is_meta
    assert y.shape == (2, *grid.shape, width(name))


def test_is_deterministic(case: tuple[str, Grid]) -> None:
    name, grid = case
    assert torch.equal(make(name, grid)(tokens(name, grid)), make(name, grid)(tokens(name, grid)))


def test_images_of_a_batch_are_independent(case: tuple[str, Grid]) -> None:
    name, grid = case
    mixer, x = scrambled(make(name, grid)).eval(), tokens(name, grid, batch=3)
    torch.testing.assert_close(mixer(x)[1:], mixer(x[1:]), rtol=1e-4, atol=1e-5)


def test_float64_agrees_with_float32(case: tuple[str, Grid]) -> None:
    name, grid = case
    mixer, x = scrambled(make(name, grid)), tokens(name, grid)
    y = mixer(x)
    exact = mixer.double()(x.double())
    assert exact.dtype == torch.float64
    torch.testing.assert_close(y.double(), exact, rtol=1e-3, atol=1e-4)


def test_runs_in_bfloat16(case: tuple[str, Grid]) -> None:
    name, grid = case
    y = make(name, grid).bfloat16()(tokens(name, grid).bfloat16())
    assert y.dtype == torch.bfloat16
    assert y.isfinite().all()


def test_exports(case: tuple[str, Grid]) -> None:
    name, grid = case
    mixer, x = scrambled(make(name, grid)).eval(), tokens(name, grid)
    program = torch.export.export(mixer, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},))
    other = tokens(name, grid, batch=3)
    torch.testing.assert_close(program.module()(other), mixer(other), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MIXERS)
def test_options_are_typed_keywords_with_defaults(name: str) -> None:
    for option in options(find("mixers", name), skip=2).values():
        assert option.kind is Parameter.KEYWORD_ONLY
        if get_origin(option.annotation) is Literal:
            assert option.default in get_args(option.annotation)
        else:
            assert option.annotation in (int, float, bool, str)
            assert isinstance(option.default, option.annotation | int)


@pytest.mark.parametrize("name", MIXERS)
def test_class_attributes_name_options(name: str) -> None:
    mixer, known = find("mixers", name), options(find("mixers", name), skip=2)
    for attribute in ("scales_with_width", "divides_grid"):
        assert set(getattr(mixer, attribute, ())) <= set(known)
    if option := getattr(mixer, "alternating", None):
        assert known[option].annotation is bool
        assert make(name, **{option: True})(tokens(name, PLANE)).shape == (2, *PLANE.shape, width(name))


@pytest.mark.parametrize("name", sorted(set(MIXERS) - set(FREE)))
def test_planes_reject_extra_tokens(name: str) -> None:
    with pytest.raises(ShapeError, match="pool: avg"):
        make(name, TOKENS)


@pytest.mark.parametrize("name", MIXERS)
def test_mixers_with_weights_per_grid_are_fixed_grid(name: str) -> None:
    def shapes(grid: Grid) -> list[torch.Size]:
        return [parameter.shape for parameter in make(name, grid).parameters()]

    known = shapes(PLANE) != shapes(Grid(28, 28)) or name in FIXED_BY_MEANING
    assert getattr(find("mixers", name), "fixed_grid", False) == known


@pytest.mark.parametrize("name", MIXERS)
def test_works_in_a_network(name: str) -> None:
    spec = ArchSpec((Stage(width(name), 2, Layer(name)),), Stem(2), input_size=28, classes=5)
    assert build(spec)(torch.randn(2, 3, 28, 28)).shape == (2, 5)
