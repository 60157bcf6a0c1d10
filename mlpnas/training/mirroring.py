"""A test of whether training images may be mirrored, for data whose source does not say.

A simple classifier is fitted to some training images and evaluated on others, as they are and mirrored. It recognises
photos equally well both ways, but not digits, text and signs.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mlpnas.datasets import Dataset
from mlpnas.training.augmentation import resize

_SIDE = 32  # pixels that the classifier sees
_MOST = 1_000  # images in each half
_BLOCK = 256
_PATCH, _PATCHES = 7, 64
_RIDGE = 0.05
_CHANCE = 1e-4  # of calling images that may be mirrored worse
_CLEARLY = 0.8  # of what is recognised as it is must be recognised mirrored
_OF_A_CLASS = 0.5


class Flip(NamedTuple):
    """The answer, and why, for people."""

    is_on: bool
    reason: str


def by_look(data: Dataset) -> Flip:
    """Decide by the names of the classes, then by what a classifier recognises; the same data, the same answer."""
    if pair := _sides(data.classes):
        return Flip(False, f"the classes {pair[0]} and {pair[1]} would be mistaken for each other")
    seen = _look(data)
    shares = [f"{100 * float(right.float().mean()):.1f} %" for right in (seen.plain, seen.mirrored)]
    told = f"a simple classifier recognises {shares[0]} of {len(seen.labels):,} as they are, {shares[1]} mirrored"
    if _is_worse(seen.plain, seen.mirrored, _CLEARLY, _CHANCE):
        return Flip(False, told)
    for label, name in enumerate(data.classes):
        own = seen.labels == label
        if _is_worse(seen.plain[own], seen.mirrored[own], _OF_A_CLASS, _CHANCE / len(data.classes)):
            return Flip(False, f"{told}; far fewer of the class {name[:40]}")
    few = int(seen.mirrored.sum()) < _CLEARLY * int(seen.plain.sum())
    return Flip(True, f"{told}, which so few images do not tell from chance" if few else told)


def _sides(classes: tuple[str, ...]) -> tuple[str, str] | None:
    """Return two classes whose names differ only in left and right."""
    by_name = {name.lower(): name for name in classes}
    for lower, name in by_name.items():
        if "left" in lower and (other := by_name.get(lower.replace("left", "right"))):
            return name, other
    return None


@dataclass(frozen=True)
class _Seen:
    """The images that were recognised as they are and mirrored, bool (N,); labels: int64 (N,)."""

    plain: Tensor
    mirrored: Tensor
    labels: Tensor


def _is_worse(plain: Tensor, mirrored: Tensor, share: float, chance: float) -> bool:
    """Return whether less than `share` of what is recognised plain is recognised mirrored (McNemar's test)."""
    lost, won = int((plain & ~mirrored).sum()), int((mirrored & ~plain).sum())
    least = NormalDist().inv_cdf(1 - chance) * (lost + won) ** 0.5
    return int(mirrored.sum()) < share * int(plain.sum()) and lost - won - 1 > least


def _look(data: Dataset) -> _Seen:
    """Fit on each half of some training images and evaluate on the other one."""
    some = data.train[: 2 * _MOST]
    images, labels = _thumbnails(data, some), data.targets[some]
    patches = _patches(images)
    features, flipped = _features(images, patches), _features(images.flip(3), patches)
    plain, mirrored = (torch.zeros(len(some), dtype=torch.bool) for _ in range(2))
    is_even = torch.arange(len(some)) % 2 == 0
    for fit in (is_even, ~is_even):
        weights = _fit_ridge(features[fit], labels[fit], len(data.classes))
        plain[~fit] = (features[~fit] @ weights).argmax(1) == labels[~fit]
        mirrored[~fit] = (flipped[~fit] @ weights).argmax(1) == labels[~fit]
    return _Seen(plain, mirrored, labels)


def _thumbnails(data: Dataset, part: Tensor) -> Tensor:
    """Return grey images of mean 0, (N, 1, side, side)."""
    blocks = [resize(data.pixels[some].float() / 255, (_SIDE, _SIDE)) for some in part.split(_BLOCK)]
    images = torch.cat(blocks).mean(1, keepdim=True)
    return images - images.mean((1, 2, 3), keepdim=True)


def _patches(images: Tensor) -> Tensor:
    """Return pieces of images with some contrast as filters, (patches, 1, patch, patch)."""
    pieces = F.unfold(images[:500], _PATCH, stride=3).permute(0, 2, 1).reshape(-1, _PATCH**2)
    pieces = pieces - pieces.mean(1, keepdim=True)
    contrast = pieces.norm(dim=1)
    strong = pieces[contrast >= contrast.median()]
    chosen = torch.randperm(len(strong), generator=torch.Generator().manual_seed(0))[:_PATCHES]
    return F.normalize(strong[chosen], dim=1).view(-1, 1, _PATCH, _PATCH)


def _features(images: Tensor, patches: Tensor) -> Tensor:
    """Return coarse pixels and the similarity of the image to each patch (Coates et al., 2011), (N, features)."""
    rows = []
    for some in images.split(_BLOCK):
        alike = F.conv2d(some, patches, stride=2).relu()
        pooled = (
            F.adaptive_avg_pool2d(some, 12),
            F.adaptive_max_pool2d(alike, 1),
            F.adaptive_avg_pool2d(alike, 2),
        )
        rows.append(torch.cat([part.flatten(1) for part in pooled], 1))
    return F.pad(torch.cat(rows), (0, 1), value=1.0)


def _fit_ridge(features: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return the weights (features, classes) of a ridge regression on the classes, with scaled features."""
    scale = features.std(0) + 1e-6
    scale[-1] = 1.0
    x = (features / scale).double()
    x = x - F.pad(x[:, :-1].mean(0), (0, 1))
    y = F.one_hot(labels, classes).double() * 2 - 1
    ridge = _RIDGE * len(x) * torch.eye(x.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(x.T @ x + ridge, x.T @ y) / scale[:, None]
    weights[-1] -= features[:, :-1].double().mean(0) @ weights[:-1]
    return weights.float()
