"""A first pass over all images of a listing: sizes and kinds from their headers, a hash, what is unusable.

Made once per machine and kept in the cache folder, with the files' sizes and times as its key.
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
    """What the headers of all usable images say.

    Attributes:
        sizes: number of images of each stored (height, width).
        kinds: number of images that are grey, transparent, of more than 8 bits, of several frames or pages.
        bad: why an image cannot be used, by its number in the listing.
        digest: hash of the encoded images, in order.
        key: names it in the cache; "" where nothing is kept.
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
    """Look at every image once.

    Args:
        about: what else the listing depends on, for the key of the cache.
        is_deep: decode them too, so that no later pass finds one that is unusable.
    """
    if listing.pixels is not None:
        return _of_pixels(listing)
    key = _key(listing, about, is_deep)
    file = cache.folder("images") / f"{key}.scan.json"
    if (known := cache.read_json(file)) and (kept := _from_json(known, key)):
        return kept
    found = _look(listing, key, is_deep)
    if found.bad and not is_deep:
        return _look(listing, key, is_deep=True)  # all that is unusable is named at once
    with writing(file):
        cache.write_json(file, _to_json(found))
    return found


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """A cache folder that is full or cannot be written to is a DataError that names it."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(
            f"{file.parent}: cannot be written to ({reason}); set MLPNAS_CACHE to a folder of yours"
        ) from None


def for_each(images: Iterable[Item], work: Callable[[int, Item], Result]) -> Iterator[Result]:
    """What `work` makes of each numbered image, in order, by several threads; a few images at a time are in memory."""

    def one_task(task: tuple[int, list[Item]]) -> list[Result]:
        start, some = task
        return [work(number, image) for number, image in enumerate(some, start)]

    with ThreadPoolExecutor(_THREADS) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about metadata and sizes that are looked at here
        tasks = ((number * _PER_TASK, some) for number, some in enumerate(_batched(images, _PER_TASK)))
        while some := list(islice(tasks, 2 * _THREADS)):
            for results in pool.map(one_task, some):
                yield from results


def images_of(parts: Iterable[Part]) -> Iterator[tuple[Encoded, str]]:
    """Every image and what the source knows to be wrong with it ("": nothing), part after part."""
    for part in parts:
        for number, image in enumerate(part.images()):
            yield image, part.problems.get(number, "")


def _batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
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
    """None: damaged, and made anew."""
    try:
        sizes = {(int(height), int(width)): int(count) for height, width, count in data["sizes"]}
        kinds = {kind: int(data["kinds"][kind]) for kind in _KINDS}
        bad = {int(number): str(reason) for number, reason in data["bad"]}
        return Scan(sizes, kinds, bad, str(data["digest"]), key)
    except (KeyError, TypeError, ValueError):
        return None
