"""Shapes that the meter knows are those of real tensors on the CPU, and no compiler is loaded to find them."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

from mlpnas.nets import meter


@pytest.mark.parametrize("is_last", [False, True])
@pytest.mark.parametrize("shape", [(2, 3, 32, 48), (2, 12, 9, 7), (1, 1, 9, 9)])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 7, "stride": 4, "padding": 3},
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": (3, 5), "stride": (1, 2), "padding": (2, 1), "dilation": 2},
        {"kernel_size": 1},
        {"kernel_size": 3, "groups": -1},
    ],
)
def test_convolutions_have_shape_and_layout_of_a_real_one(
    options: dict[str, Any], shape: tuple[int, ...], is_last: bool
) -> None:
    channels = shape[1]
    options = options | {"groups": channels if "groups" in options else 1}
    x = torch.zeros(shape)
    if is_last:
        x = x.contiguous(memory_format=torch.channels_last)
    conv = nn.Conv2d(channels, 2 * channels, **options)
    real = conv(x)
    with meter.Meter() as found:
        counted = conv.to("meta")(x.to("meta"))
    assert counted.shape == real.shape
    assert counted.movedim(1, -1).is_contiguous() == real.movedim(1, -1).is_contiguous()
    assert found.flops == 2 * real.numel() * conv.weight[0].numel()


def test_costs_load_no_compiler() -> None:
    """The compiler takes a second to load, in every process that computes a cost."""
    code = """
import sys, torch
from mlpnas import cost, published
for name in published.names():
    cost(published.find(name).spec)
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["False"], done.stderr
