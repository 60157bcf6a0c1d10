"""Encoded images -> one uint8 array, decoded once per machine and kept in the cache folder."""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import sha256
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mlpnas import cache
from mlpnas.datasets import digest_of, memory_limit
from mlpnas.errors import DataError
from mlpnas.files import replacing
from mlpnas.units import show

_VERSION = 1  # raise when decoding changes
_THREADS = min(os.cpu_count() or 1, 8)
_PER_TASK = 64

Pixels = NDArray[np.uint8]


class Encoded(NamedTuple):
    """One image before decoding: `where` is for messages; `data` its bytes or the file that holds them."""

    where: str
    data: bytes | Path | None


@dataclass(frozen=True)
class Layout:
    """What all images are brought to."""

    channels: int
    height: int
    width: int

    @property
    def mode(self) -> str:
        return "L" if self.channels == 1 else "RGB"

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.channels, self.height, self.width


def decoded(
    images: Callable[[], Iterable[Encoded]], count: int, image_size: int, source: str, files: Sequence[Path]
) -> tuple[Pixels, str]:
    """Pixels (N, C, H, W) of `count` images, and their hash.

    Args:
        images: starts reading them, in order; called twice where the cache has none yet.
        image_size: side to which images are brought, unless all are of one square size up to it.
        files: that the images come from; with `source` and `image_size` they are the key of the cache.

    Raises:
        DataError: names the image that cannot be read, or the cache folder when it is too small.
    """
    if not count:
        raise DataError(f"{files[0].parent}: holds no images")
    home = cache.folder("images")
    key = _key(source, image_size, files)
    about, pixels = home / f"{key}.json", home / f"{key}.npy"
    if not (known := cache.read_json(about)) or not pixels.exists():
        layout = _layout(images(), image_size)
        with replacing(pixels) as part:
            _decode(images(), (count, *layout.shape), layout, part)
        digest = digest_of(np.load(pixels, mmap_mode="r"))
        known = {"source": source, "count": count, **asdict(layout), "digest": digest}
        cache.write_json(about, known)
    # "c" lets torch share the pages without a warning; nothing writes to them
    in_memory = pixels.stat().st_size <= memory_limit()
    return np.load(pixels, mmap_mode=None if in_memory else "c"), known["digest"]


def _key(source: str, image_size: int, files: Sequence[Path]) -> str:
    stats = [(str(file), file.stat()) for file in files]
    text = json.dumps([_VERSION, source, image_size, [(name, s.st_size, s.st_mtime_ns) for name, s in stats]])
    return sha256(text.encode()).hexdigest()[:20]


def _layout(images: Iterable[Encoded], image_size: int) -> Layout:
    """What all images can be brought to, read from their headers alone."""
    sizes: set[tuple[int, int]] = set()
    modes: set[str] = set()
    for where, data in images:
        with _opened(where, data) as image:
            sizes.add(image.size)
            modes.add(image.mode)
            if image.mode.startswith(("I", "F")):
                raise DataError(f"{where}: pixels of more than 8 bits (mode {image.mode}); convert them to 8 bits")
    (width, height), *others = sizes
    if others or width != height or width > image_size:
        width = height = image_size
    return Layout(1 if modes <= {"1", "L"} else 3, height, width)


def _opened(where: str, data: bytes | Path | None) -> Image.Image:
    if data is None:
        raise DataError(f"{where}: has no image bytes")
    try:
        return Image.open(BytesIO(data) if isinstance(data, bytes) else data)
    except Exception as error:  # Pillow's plug-ins raise whatever a broken file leads them to
        raise DataError(f"{where}: not a readable image ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    text = str(error).split("<_io")[0].split(" '/")[0].strip()
    return text or type(error).__name__


def _decode(images: Iterable[Encoded], shape: tuple[int, ...], layout: Layout, path: Path) -> None:
    _check_space(path, int(np.prod(shape)))
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)

    def work(task: tuple[int, list[Encoded]]) -> None:
        start, some = task
        for number, (where, data) in enumerate(some, start):
            out[number] = _pixels(where, data, layout)

    with ThreadPoolExecutor(_THREADS) as pool:
        tasks = ((number * _PER_TASK, some) for number, some in enumerate(_batched(images, _PER_TASK)))
        while some := list(islice(tasks, 2 * _THREADS)):  # a few at a time: the encoded images may not fit in memory
            list(pool.map(work, some))
    out.flush()


Item = TypeVar("Item")


def _batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some


def _check_space(path: Path, needed: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        sizes = f"needs {show(needed, 'peak_bytes')}, {show(free, 'peak_bytes')} are free"
        raise DataError(f"{path.parent}: decoded images: {sizes}; take a smaller image size or set MLPNAS_CACHE")


def _pixels(where: str, data: bytes | Path | None, layout: Layout) -> Pixels:
    size = (layout.width, layout.height)
    with _opened(where, data) as opened:
        try:
            if opened.size != size:
                opened.draft(layout.mode, size)  # JPEG decodes at a fraction of its size, not below `size`
            image: Image.Image = opened.convert(layout.mode)
        except Exception as error:
            raise DataError(f"{where}: not a readable image ({_reason(error)})") from None
    if image.size != size:
        image = ImageOps.fit(image, size, Image.Resampling.BICUBIC)
    pixels = np.asarray(image)
    return pixels[None] if layout.channels == 1 else pixels.transpose(2, 0, 1)
