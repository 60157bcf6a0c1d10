"""What a source holds, before anything is decoded."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

# An encoded image: its bytes, the path of its file, or what reads its bytes. None: the place holds no image.
Encoded: TypeAlias = "bytes | str | Callable[[], bytes] | None"
Labels = NDArray[np.int64]

NO_LABEL = -1


@dataclass(frozen=True, eq=False)
class Part:
    """One split, as it is stored.

    Attributes:
        labels: of each image; an index into the listing's classes, or NO_LABEL.
        images: starts reading the encoded images, in the order of the labels.
        where: names an image for people.
        origin: where the split comes from.
        problems: what is wrong with an image, by its number, where the source knows it.
    """

    labels: Labels
    images: Callable[[], Iterable[Encoded]]
    where: Callable[[int], str]
    origin: str
    problems: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Listing:
    """All that a source holds.

    Attributes:
        parts: "train" and, where the source has them, "val" and "test".
        stamp: names the state of all files that were read; the key of the cache.
        pixels: uint8 (N, C, H, W) of all parts, where the source holds them decoded.
        notes: what was read, chosen or left out, in lines for people.
        skipped: (file, reason) for what is no image of the data set.
    """

    classes: tuple[str, ...]
    parts: Mapping[str, Part]
    stamp: str = ""
    pixels: NDArray[np.uint8] | None = None
    notes: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()


class Stamp:
    """Names the state of files: their paths, sizes, and when they or their permissions were changed."""

    def __init__(self) -> None:
        self._hash = sha256()

    def add(self, path: str | Path, stat: os.stat_result) -> None:
        about = (os.fsencode(path), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        self._hash.update(repr(about).encode())

    def __str__(self) -> str:
        return self._hash.hexdigest()


def in_memory(pixels: NDArray[np.uint8], labels: Labels, classes: Sequence[str], counts: Mapping[str, int]) -> Listing:
    """Return the listing of decoded images, which lie part after part as `counts` says."""
    ends = np.cumsum(list(counts.values()))
    rows = zip(counts, np.split(labels, ends[:-1]), strict=True)
    parts = {name: Part(some, tuple, f"{name} image {{}}".format, "as published") for name, some in rows}
    return Listing(tuple(classes), parts, pixels=pixels)


def shown(text: object, most: int = 200) -> str:
    """Return `text` for a message: no control characters, nothing that cannot be printed, at most 200 characters."""
    plain = str(text).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    plain = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in plain)
    return plain if len(plain) <= most else f"{plain[: most - 3]}..."
