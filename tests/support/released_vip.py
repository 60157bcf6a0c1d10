"""ViP's and CycleMLP's released networks as functions of a state dict with the released names, channels-first.

Written from the description of Andrew-Qibin/VisionPermutator, models/vip.py, and ShoufaChen/CycleMLP, cycle_mlp.py,
which grew from it. The two differ in the stem, the downsamples and the branches of a mixer.
"""

import re
from collections.abc import Callable, Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from mlpnas.nets.network import Network
from mlpnas.spec import ArchSpec

Shapes = dict[str, tuple[int, ...]]
Weights = Mapping[str, Tensor]


def shapes(spec: ArchSpec, branches: Callable[[str, int], Shapes]) -> Shapes:
    """Yield every tensor of the released state dict; `branches` gives those of a mixer (its prefix, its width)."""
    widths = [stage.width for stage in spec.stages]
    found = _conv("patch_embed.proj", 3, widths[0], spec.stem.kernel or spec.stem.patch)
    place = 0
    for number, stage in enumerate(spec.stages):
        if number and stage.downsample.name != "none":
            kernel = int(dict(stage.downsample.options).get("kernel", 3))
            found |= _conv(f"network.{place}.proj", widths[number - 1], stage.width, kernel)
            place += 1
        for block in range(stage.depth):
            key, dim, hidden = f"network.{place}.{block}", stage.width, int(stage.width * stage.mlp_ratio)
            found |= _norm(f"{key}.norm1", dim) | branches(f"{key}.attn", dim)
            found |= _mlp(f"{key}.attn.reweight", dim, dim // 4, 3 * dim) | linear(f"{key}.attn.proj", dim, dim)
            found |= _norm(f"{key}.norm2", dim) | _mlp(f"{key}.mlp", dim, hidden, dim)
        place += 1
    return found | _norm("norm", widths[-1]) | linear("head", widths[-1], spec.classes)


def linear(key: str, source: int, target: int) -> Shapes:
    return {f"{key}.weight": (target, source), f"{key}.bias": (target,)}


def _norm(key: str, dim: int) -> Shapes:
    return {f"{key}.weight": (dim,), f"{key}.bias": (dim,)}


def _conv(key: str, source: int, target: int, kernel: int) -> Shapes:
    return {f"{key}.weight": (target, source, kernel, kernel), f"{key}.bias": (target,)}


def _mlp(key: str, source: int, hidden: int, target: int) -> Shapes:
    return linear(f"{key}.fc1", source, hidden) | linear(f"{key}.fc2", hidden, target)


def random_state(shapes: Shapes, dtype: torch.dtype) -> dict[str, Tensor]:
    generator, state = torch.Generator().manual_seed(0), {}
    for name, shape in shapes.items():
        noise = torch.randn(shape, generator=generator).to(dtype)
        is_scale = "norm" in name and name.endswith("weight")
        state[name] = noise * noise[0].numel() ** -0.5 if noise.ndim > 1 else 0.2 * noise + is_scale
    return state


def forward(images: Tensor, w: Weights, patch: int, branches: Callable[[Tensor, Weights, str], list[Tensor]]) -> Tensor:
    """`branches` computes the three of a mixer, (B, C, H, W) each, in the order of the released code."""
    overlaps = w["patch_embed.proj.weight"].shape[-1] > patch
    x = _convolved(images, w, "patch_embed.proj", patch, 2 if overlaps else 0)
    place = 0
    while {f"network.{place}.proj.weight", f"network.{place}.0.norm1.weight"} & w.keys():
        if f"network.{place}.proj.weight" in w:
            x = _convolved(x, w, f"network.{place}.proj", 2, w[f"network.{place}.proj.weight"].shape[-1] // 3)
        block = 0
        while f"network.{place}.{block}.norm1.weight" in w:
            key = f"network.{place}.{block}"
            x = x + _reweighted(branches(_normed(x, w, f"{key}.norm1"), w, f"{key}.attn"), w, f"{key}.attn")
            x = x + _perceptron(_normed(x, w, f"{key}.norm2"), w, f"{key}.mlp")
            block += 1
        place += 1
    return pointwise(_normed(x, w, "norm").mean((2, 3), keepdim=True), w, "head")[:, :, 0, 0]


def pointwise(x: Tensor, w: Weights, key: str) -> Tensor:
    return F.conv2d(x, w[f"{key}.weight"][:, :, None, None], w.get(f"{key}.bias"))


def _reweighted(branches: list[Tensor], w: Weights, key: str) -> Tensor:
    """Channel c has the logits 3c, 3c + 1 and 3c + 2."""
    mean = sum(branches, torch.zeros(())).mean((2, 3), keepdim=True)
    logits = _perceptron(mean, w, f"{key}.reweight")
    shares = torch.stack([logits[:, number::3] for number in range(3)]).softmax(0)
    return pointwise((torch.stack(branches) * shares).sum(0), w, f"{key}.proj")


def _perceptron(x: Tensor, w: Weights, key: str) -> Tensor:
    return pointwise(F.gelu(pointwise(x, w, f"{key}.fc1")), w, f"{key}.fc2")


def _normed(x: Tensor, w: Weights, key: str) -> Tensor:
    variance, mean = torch.var_mean(x, 1, unbiased=False, keepdim=True)
    scale, shift = (w[f"{key}.{part}"][:, None, None] for part in ("weight", "bias"))
    return (x - mean) / (variance + 1e-5).sqrt() * scale + shift


def _convolved(x: Tensor, w: Weights, key: str, stride: int, padding: int) -> Tensor:
    return F.conv2d(x, w[f"{key}.weight"], w[f"{key}.bias"], stride, padding)


def renamed(names: Iterable[str], naming: Mapping[str, str]) -> dict[str, str]:
    """Rename our tensors to their names."""
    ours = {}
    for name in names:
        own = name
        for pattern, replacement in naming.items():
            own = re.sub(pattern, replacement, own)
        if own:
            ours[own] = name
    return ours


def fitting(names: Iterable[str], network: Network, namings: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the names under the only naming that gives every tensor of the network its own."""
    own = network.state_dict().keys()
    (fits,) = [ours for naming in namings if (ours := renamed(names, naming)).keys() == own]
    return fits


def check_sizes(spec: ArchSpec, branches: Callable[[str, int], Shapes], namings: Iterable[Mapping[str, str]]) -> None:
    """Every tensor of ours has a released one, of as many elements."""
    with torch.device("meta"):
        network = Network(spec)
    own, released = network.state_dict(), shapes(spec, branches)
    for ours, theirs in fitting(released, network, namings).items():
        assert own[ours].numel() == torch.Size(released[theirs]).numel()


def difference(
    spec: ArchSpec,
    state: Weights,
    namings: Iterable[Mapping[str, str]],
    branches: Callable[[Tensor, Weights, str], list[Tensor]],
) -> float:
    """Return the relative difference of the logits of `forward` and our network with the same weights."""
    with torch.device("meta"):
        network = Network(spec).eval()
    own, names = network.state_dict(), fitting(state, network, namings)
    fitted = {ours: state[theirs].reshape(own[ours].shape) for ours, theirs in names.items()}
    network.load_state_dict(fitted, assign=True)
    images = torch.randn(1, 3, *spec.image, generator=torch.Generator().manual_seed(1)).to(state["head.weight"].dtype)
    with torch.no_grad():
        expected, logits = forward(images, state, spec.stem.patch, branches), network(images)
    assert expected.std() > 0.1
    return ((logits - expected).abs().max() / expected.abs().max()).item()
