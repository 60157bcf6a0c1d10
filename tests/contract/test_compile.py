"""Every token mixer can be compiled without a graph break and exported with a free batch size, in a network too.

`aot_eager` traces forward and backward as the default compiler does, and leaves out a minute of code generation each.
"""

import pytest
import torch
from torch import Tensor

from mlpnas.errors import ShapeError
from mlpnas.nets.network import Network, build
from mlpnas.plugins import find, names
from mlpnas.spec import ArchSpec, Layer, Stage, Stem

WIDTHS = (32, 56)  # some mixers need channels that the grid's side divides


def network(name: str) -> Network:
    """Two blocks on 14x14 tokens, so that what alternates is there."""
    torch.manual_seed(0)
    for width in WIDTHS:
        try:
            return build(ArchSpec((Stage(width, 2, Layer(name)),), Stem(2), input_size=28, classes=5)).eval()
        except ShapeError:
            continue
    raise AssertionError(f"{name} fits none of the widths {WIDTHS}")


def images(batch: int) -> Tensor:
    return torch.randn(batch, 3, 28, 28, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", names("mixers"))
def test_compiles_whole_forward_and_backward(name: str) -> None:
    torch.compiler.reset()
    eager = network(name)
    compiled = torch.compile(network(name), fullgraph=True, backend="aot_eager")
    expected, found = eager(images(2)), compiled(images(2))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    expected.square().sum().backward()
    found.square().sum().backward()
    for one, other in zip(eager.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", names("mixers"))
def test_exports_with_a_free_batch_size(name: str) -> None:
    eager = network(name)
    program = torch.export.export(eager, (images(2),), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},))
    with torch.no_grad():
        torch.testing.assert_close(program.module()(images(3)), eager(images(3)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", names("mixers"))
def test_names_itself(name: str) -> None:
    assert find("mixers", name).__doc__
