"""Splitting into train, val and test; every class keeps its share in each."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

VAL_SHARE = 0.2
LARGEST_VAL = 10_000
TEST_SHARE = 0.2
_TEST_SEED = 20_210_504  # fixed: the test part of a source never changes

Indices = NDArray[np.int64]


def split(labels: Indices, parts: Mapping[str, int], seed: int) -> tuple[Indices, Indices, Indices]:
    """Return the indices of train, val and test.

    Args:
        labels: those of all images, part after part.
        parts: number of images in "train" and, if they exist, "val" and "test", in this order.
        seed: seed of a val part that is split off train. A missing test part is split off with a fixed seed.
    """
    ends = np.cumsum(list(parts.values()))
    given = dict(zip(parts, np.split(np.arange(len(labels)), ends[:-1]), strict=True))
    train = given["train"]
    test, train = (given["test"], train) if "test" in given else take(labels, train, TEST_SHARE, _TEST_SEED)
    share = min(VAL_SHARE, LARGEST_VAL / max(len(train), 1))
    val, train = (given["val"], train) if "val" in given else take(labels, train, share, seed)
    return np.random.default_rng(seed).permutation(train), np.sort(val), np.sort(test)


def take(labels: Indices, indices: Indices, share: float, seed: int) -> tuple[Indices, Indices]:
    """Return (taken, left): `share` of each class is taken, at least one image of a class that has two."""
    rng = np.random.default_rng(seed)
    taken = [np.empty(0, np.int64)]
    for label in np.unique(labels[indices]):
        members = rng.permutation(indices[labels[indices] == label])
        wanted = max(round(share * len(members)), 1) if len(members) > 1 else 0
        taken.append(members[:wanted])
    chosen = np.concatenate(taken)
    return chosen, np.setdiff1d(indices, chosen)
