"""The first pass over all images of a listing: sizes and kinds from headers, a hash, unusable images.

It is made once per machine and kept in the cache folder; its key includes the files' sizes and times.
"""

import json
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from mlpnas import cache
from mlpnas.datasets import _open
from mlpnas.datasets._listing import Encoded, Listing, Part
from mlpnas.datasets._memory import digest_of
from mlpnas.datasets._open import Unreadable
from mlpnas.errors import DataError

VERSION = 3  # raise when reading or decoding changes
_THREADS = min(os.cpu_count() or 1, 8)
_PER_TASK = 64
_KINDS = ("is_grey", "is_transparent", "is_deep", "has_frames")

Item = TypeVar("Item")
Result = TypeVar("Result")
Size = tuple[int, int]


@dataclass(frozen=True)
class Scan:
    """The content of all usable images' headers.

    Attributes:
        sizes: number of images of each stored (height, width).
        kinds: number of images that are grey, transparent, of more than 8 bits, of several frames or pages.
        bad: number in the listing -> problem of an unusable image.
        digest: hash of the encoded images, in order.
        key: its name in the cache; "" if it is not kept.
    """

    sizes: dict[Size, int]
    kinds: dict[str, int]
    bad: dict[int, str]
    digest: str
    key: str = ""

    @property
    def channels(self) -> int:
        return 1 if self.kinds["is_grey"] == sum(self.sizes.values()) else 3


def scan(listing: Listing, about: str, is_deep: bool) -> Scan:
    """Scan every image once, or return the cached scan.

    Args:
        about: anything else that the listing depends on, for the key of the cache.
        is_deep: decode the images too, so that decoding cannot fail later.
    """
    if listing.pixels is not None:
        return _of_pixels(listing)
    key = _key(listing, about, is_deep)
    file = cache.folder("images") / f"{key}.scan.json"
    if (known := cache.read_json(file)) and (stored := _from_json(known, key)):
        return stored
    found = _look(listing, key, is_deep)
    if found.bad and not is_deep:
        return _look(listing, key, is_deep=True)  # so that all unusable images are named at once
    with writing(file):
        cache.write_json(file, _to_json(found))
    return found


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Turn an OSError of writing to the cache folder into a DataError that names it."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(
            f"{file.parent}: cannot be written to ({reason}); set MLPNAS_CACHE to a folder of yours"
        ) from None


def for_each(images: Iterable[Item], work: Callable[[int, Item], Result]) -> Iterator[Result]:
    """Yield `work(number, image)` for every image in order, on several threads with few images in memory."""

    def one_task(task: tuple[int, list[Item]]) -> list[Result]:
        start, some = task
        return [work(number, image) for number, image in enumerate(some, start)]

    with ThreadPoolExecutor(_THREADS) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about metadata and sizes, which are checked here
        tasks = ((number * _PER_TASK, some) for number, some in enumerate(_batches(images, _PER_TASK)))
        while some := list(islice(tasks, 2 * _THREADS)):
            for results in pool.map(one_task, some):
                yield from results


def images_of(parts: Iterable[Part]) -> Iterator[tuple[Encoded, str]]:
    """Yield every image with its known problem or "", part after part."""
    for part in parts:
        for number, image in enumerate(part.images()):
            yield image, part.problems.get(number, "")


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some


def _look(listing: Listing, key: str, is_deep: bool) -> Scan:
    def look(number: int, item: tuple[Encoded, str]) -> tuple[_open.Header, bytes] | str:
        image, problem = item
        if problem:
            return problem
        try:
            data = _open.read_bytes(image)
            header = _open.header(data)
            if is_deep:
                _open.check(data)
        except Unreadable as error:
            return str(error)
        return header, sha256(data).digest()

    sizes, kinds, bad, digest = Counter[Size](), Counter[str](), dict[int, str](), sha256()
    for number, result in enumerate(for_each(images_of(listing.parts.values()), look)):
        if isinstance(result, str):
            bad[number] = result
            continue
        header, hashed = result
        sizes[header.height, header.width] += 1
        kinds.update(kind for kind in _KINDS if getattr(header, kind))
        digest.update(hashed)
    return Scan(dict(sizes), {kind: kinds[kind] for kind in _KINDS}, bad, digest.hexdigest(), key)


def _of_pixels(listing: Listing) -> Scan:
    pixels = listing.pixels
    assert pixels is not None
    count, channels, *size = pixels.shape
    kinds = {kind: count if kind == "is_grey" and channels == 1 else 0 for kind in _KINDS}
    return Scan({(size[0], size[1]): count} if count else {}, kinds, {}, f"{digest_of(pixels)} {pixels.shape}")


def _key(listing: Listing, about: str, is_deep: bool) -> str:
    problems = [sorted(part.problems.items()) for part in listing.parts.values()]
    counts = [(name, len(part.labels)) for name, part in listing.parts.items()]
    text = json.dumps([VERSION, about, is_deep, listing.stamp, problems, counts])
    return sha256(text.encode()).hexdigest()[:20]


def _to_json(found: Scan) -> dict[str, Any]:
    sizes = [[*size, count] for size, count in found.sizes.items()]
    return {"sizes": sizes, "kinds": found.kinds, "bad": list(found.bad.items()), "digest": found.digest}


def _from_json(data: dict[str, Any], key: str) -> Scan | None:
    """Return the stored scan, or None if it is damaged, to scan again."""
    try:
        sizes = {(int(height), int(width)): int(count) for height, width, count in data["sizes"]}
        kinds = {kind: int(data["kinds"][kind]) for kind in _KINDS}
        bad = {int(number): str(reason) for number, reason in data["bad"]}
        return Scan(sizes, kinds, bad, str(data["digest"]), key)
    except (KeyError, TypeError, ValueError):
        return None
