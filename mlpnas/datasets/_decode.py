"""Decoding of images into one uint8 array, once per machine, kept in the cache folder."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mlpnas import cache
from mlpnas.datasets import _open
from mlpnas.datasets._listing import Encoded
from mlpnas.datasets._memory import memory_limit
from mlpnas.datasets._open import Layout, Unreadable
from mlpnas.datasets._scan import VERSION, Size, for_each, writing
from mlpnas.errors import DataError
from mlpnas.files import replacing
from mlpnas.units import show

DEFAULT_SIZE = 224

Pixels = NDArray[np.uint8]


def used_size(stored: Mapping[Size, int], wanted: Size | None) -> Size:
    """Return the (height, width) to which images of these stored sizes are decoded.

    It is `wanted`, but no larger than the largest image that fills it, since enlarging adds no information. Without
    `wanted`, one square size up to 224 stays, all others become 224 square.
    """
    if wanted is None:
        (height, width), *others = stored
        return (height, width) if not others and height == width <= DEFAULT_SIZE else (DEFAULT_SIZE, DEFAULT_SIZE)
    height, width = wanted
    # fractions of integers, so that 100 of 100 pixels are exactly 100
    over, under = max(
        (min((h, height), (w, width), key=lambda pair: pair[0] / pair[1]) for h, w in stored),
        key=lambda pair: pair[0] / pair[1],
    )
    if over >= under:
        return wanted
    return max(1, round(height * over / under)), max(1, round(width * over / under))


def decode_all(
    images: Callable[[], Iterator[tuple[int, Encoded]]], count: int, layout: Layout, key: str
) -> tuple[Pixels, dict[int, str]]:
    """Return the pixels (N, C, H, W) of `count` images, and the problem of each unusable one by its number.

    Args:
        images: starts reading them in order, each with its number in the listing.
        key: the name of the images in the cache. With any unusable image nothing is cached.

    Raises:
        DataError: the cache folder is too small.
    """
    shape = (count, *layout.shape)
    name = sha256(f"{VERSION} {key} {shape}".encode()).hexdigest()[:20]
    file = cache.folder("images") / f"{name}.npy"
    if not _holds(file, shape):
        try:
            with writing(file), replacing(file) as part:
                _decode(images(), shape, layout, part)
        except _Unusable as found:
            return np.empty((0, *layout.shape), np.uint8), found.bad
    # "c" lets torch share the pages without a warning; nothing writes to them
    is_small = file.stat().st_size <= memory_limit()
    return np.load(file, mmap_mode=None if is_small else "c"), {}


def resize(pixels: Pixels, size: Size) -> Pixels:
    """Resize decoded images to a smaller size, as decoding does with encoded ones."""

    def fit(number: int, image: Pixels) -> Pixels:
        channels_last = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        array = np.asarray(ImageOps.fit(Image.fromarray(channels_last), size[::-1], Image.Resampling.BICUBIC))
        return array[None] if len(image) == 1 else array.transpose(2, 0, 1)

    if pixels.shape[2:] == size:
        return pixels
    out = np.empty((*pixels.shape[:2], *size), np.uint8)
    for number, image in enumerate(for_each(pixels, fit)):
        out[number] = image
    return out


def _holds(file: Path, shape: tuple[int, ...]) -> bool:
    """Return whether a complete array of this shape is there."""
    try:
        return bool(np.load(file, mmap_mode="r").shape == shape)
    except (OSError, ValueError):
        return False


class _Unusable(Exception):
    def __init__(self, bad: dict[int, str]) -> None:
        self.bad = bad


def _decode(images: Iterator[tuple[int, Encoded]], shape: tuple[int, ...], layout: Layout, path: Path) -> None:
    _check_space(path, int(np.prod(shape)))
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)

    def decode(row: int, item: tuple[int, Encoded]) -> tuple[int, str]:
        number, image = item
        try:
            out[row] = _open.pixels(_open.read_bytes(image), layout)
        except Unreadable as error:
            return number, str(error)
        return number, ""

    if bad := {number: reason for number, reason in for_each(images, decode) if reason}:
        raise _Unusable(bad)
    out.flush()


def _check_space(path: Path, needed: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        sizes = f"needs {show(needed, 'peak_bytes')}, {show(free, 'peak_bytes')} are free"
        raise DataError(f"{path.parent}: decoded images: {sizes}; take a smaller image size or set MLPNAS_CACHE")
