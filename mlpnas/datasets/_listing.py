"""The listing of a source: its images, labels and splits, before anything is decoded."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

# an encoded image: its bytes, the path of its file, or a function that reads its bytes; None: no image
Encoded: TypeAlias = "bytes | str | Callable[[], bytes] | None"
Labels = NDArray[np.int64]

NO_LABEL = -1


@dataclass(frozen=True, eq=False)
class Part:
    """One split as it is stored.

    Attributes:
        labels: for each image an index into the listing's classes, or NO_LABEL.
        images: starts reading the encoded images in the order of the labels.
        where: returns the name of an image for messages.
        origin: the files of the split, in words.
        problems: number -> problem of an image, as far as the source knows.
    """

    labels: Labels
    images: Callable[[], Iterable[Encoded]]
    where: Callable[[int], str]
    origin: str
    problems: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Listing:
    """All parts of a source.

    Attributes:
        parts: "train" and, if the source has them, "val" and "test".
        stamp: the state of all files that were read; a key of the cache.
        pixels: uint8 (N, C, H, W) of all parts, if the source holds decoded images.
        notes: lines for people about what was read, chosen or left out.
        skipped: (file, reason) of files that are no images of the data set.
    """

    classes: tuple[str, ...]
    parts: Mapping[str, Part]
    stamp: str = ""
    pixels: NDArray[np.uint8] | None = None
    notes: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()


class Stamp:
    """A hash of the state of files: paths, sizes, times of change."""

    def __init__(self) -> None:
        self._hash = sha256()

    def add(self, path: str | Path, stat: os.stat_result) -> None:
        about = (os.fsencode(path), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        self._hash.update(repr(about).encode())

    def __str__(self) -> str:
        return self._hash.hexdigest()


def in_memory(pixels: NDArray[np.uint8], labels: Labels, classes: Sequence[str], counts: Mapping[str, int]) -> Listing:
    """Return the listing of decoded images, stored part after part with these `counts`."""
    ends = np.cumsum(list(counts.values()))
    rows = zip(counts, np.split(labels, ends[:-1]), strict=True)
    parts = {name: Part(some, tuple, f"{name} image {{}}".format, "as published") for name, some in rows}
    return Listing(tuple(classes), parts, pixels=pixels)


def escape(text: object, most: int = 200) -> str:
    """Return `text` for a message: unprintable characters escaped, at most `most` characters."""
    plain = str(text).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    plain = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in plain)
    return plain if len(plain) <= most else f"{plain[: most - 3]}..."
