"""Labelled images. One file of this folder is one source, found by name or by a path that it recognises.

ref = resolve("../photos")        the text of the user -> DataRef, plain data for workers
about = survey(ref)               -> Survey: classes, counts, stored sizes, skipped files; nothing is decoded
data = load(ref)                  -> Dataset: uint8 tensors in memory or memory-mapped, split into train, val, test
"""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlpnas import plugins
from mlpnas.datasets._content import FINGERPRINT, Content, bad_images, complaint, content_of
from mlpnas.datasets._decode import decode_all, resize, used_size
from mlpnas.datasets._listing import Listing
from mlpnas.datasets._memory import digest_of, memory_limit
from mlpnas.datasets._open import Layout
from mlpnas.datasets._ref import DataRef
from mlpnas.datasets._resolve import resolve, sources_without_path
from mlpnas.datasets._split import split
from mlpnas.datasets._survey import Survey, survey_of
from mlpnas.errors import DataError

__all__ = [
    "DataRef",
    "Dataset",
    "Source",
    "Survey",
    "digest_of",
    "is_comparable",
    "load",
    "memory_limit",
    "resolve",
    "survey",
    "tasks_of",
]

_ENOUGH_FOR_STATISTICS = 5_000
_STATISTICS_BLOCK = 1 << 22  # pixels


class Source(Protocol):
    """A source of images.

    A source that is found by its path also has a class method `recognises(path: Path) -> int`: 0 for no, higher for
    surer. A source with columns that the user can name has `has_columns = True`. A source that serves other tasks than
    classification names them, files of mlpnas/tasks/, in `tasks`, the first one being meant where nothing else is said.

    Attributes:
        needs_path: true if it cannot work without a path.
        flip: true if a mirrored image still belongs to its class.
    """

    needs_path: ClassVar[bool]
    flip: ClassVar[bool]

    def __init__(self, ref: DataRef) -> None: ...

    def listing(self) -> Listing:
        """Return the listing, or raise DataError with the file or row that cannot be read."""
        ...


@dataclass(frozen=True, eq=False)
class Dataset:
    """Decoded images with their targets and splits.

    Attributes:
        pixels: uint8 (N, C, H, W).
        targets: what the task is to predict of each image: labels, int64 (N,), of a classification.
        train, val, test: int64 indices into both. A prefix of `train` is a random sample.
        mean, std: of the train pixels per channel, for pixels between 0 and 1.
        flip: true if a mirrored image still belongs to its class.
        fingerprint: hash of the encoded images, labels, parts and class names.
    """

    name: str
    pixels: Tensor
    targets: Tensor
    classes: tuple[str, ...]
    train: Tensor
    val: Tensor
    test: Tensor
    mean: tuple[float, ...]
    std: tuple[float, ...]
    flip: bool
    fingerprint: str

    @property
    def channels(self) -> int:
        return self.pixels.shape[1]

    @property
    def image(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[2], self.pixels.shape[3]

    @cached_property
    def chance(self) -> float:
        """The top-1 share on val of always answering the most frequent class."""
        return float(self.targets[self.val].bincount().max()) / len(self.val)


def tasks_of(ref: DataRef) -> tuple[str, ...]:
    """Return the names of the tasks that a data set serves."""
    return getattr(plugins.find("datasets", ref.source), "tasks", ("classify",))


def survey(ref: DataRef) -> Survey:
    """Return what the data hold and how they are split, from names, labels and headers, scanned once per machine.

    Raises:
        DataError: the data are missing, corrupt or unusable; lists the images that cannot be read.
        MissingPackage: the source needs a package that is not installed.
    """
    source, content = _read(ref)
    name = _name(ref)
    first = []
    if ref.path and name in sources_without_path():
        first = [f"{name}: the folder or file here is read; write {name}: for the data set of that name"]
    return survey_of(content, name, _splits(content, ref), ref.size, source.flip, first)


@lru_cache(maxsize=4)
def load(ref: DataRef) -> Dataset:
    """Return the data set, decoded for `ref.size` and split; cached in this process.

    Raises:
        DataError: the data are missing, corrupt or unusable; lists the images that cannot be read.
        MissingPackage: the source needs a package that is not installed.
    """
    source, content = _read(ref)
    splits = _splits(content, ref)
    pixels = _pixels(content, ref)
    mean, std = _statistics(pixels, splits["train"])
    return Dataset(
        name=_name(ref),
        pixels=torch.from_numpy(pixels),
        targets=torch.from_numpy(content.labels),
        classes=content.classes,
        train=torch.from_numpy(splits["train"]),
        val=torch.from_numpy(splits["val"]),
        test=torch.from_numpy(splits["test"]),
        mean=mean,
        std=std,
        flip=source.flip,
        fingerprint=content.fingerprint,
    )


def is_comparable(fingerprint: object) -> bool:
    """Return whether a fingerprint is of the present kind, so that a different one means other data."""
    return isinstance(fingerprint, str) and fingerprint.startswith(FINGERPRINT)


def _read(ref: DataRef) -> tuple[Source, Content]:
    source: Source = plugins.find("datasets", ref.source)(ref)
    about = str(replace(ref, seed=0, size=None).to_json())
    return source, content_of(source.listing(), str(ref), about, ref.skip_bad)


def _splits(content: Content, ref: DataRef) -> dict[str, NDArray[np.int64]]:
    indices = dict(zip(("train", "val", "test"), split(content.labels, content.parts, ref.seed), strict=True))
    if not len(indices["val"]):
        raise DataError(
            f"{ref}: too few images ({len(content.labels):,}, {len(content.classes):,} classes) to split val from train"
        )
    return indices


def _pixels(content: Content, ref: DataRef) -> NDArray[np.uint8]:
    """Return the usable images as uint8 (N, C, H, W)."""
    held = content.listing.pixels
    if held is not None:
        used = held if len(content.numbers) == len(held) else held[content.numbers]
        return resize(used, used_size(content.scan.sizes, ref.size)) if ref.size else used
    layout = Layout(content.scan.channels, *used_size(content.scan.sizes, ref.size))
    pixels, bad = decode_all(content.images, len(content.numbers), layout, content.scan.key)
    if bad:
        raise complaint(str(ref), bad_images(content, bad), len(content.numbers))
    return pixels


def _name(ref: DataRef) -> str:
    return Path(ref.path).name if ref.path else ref.source


def _statistics(pixels: NDArray[np.uint8], train: NDArray[np.int64]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    some = np.sort(train[:_ENOUGH_FOR_STATISTICS])
    counts = np.zeros((pixels.shape[1], 256), np.int64)
    block = max(1, _STATISTICS_BLOCK // pixels[0].size)  # counting takes 8 bytes a pixel: few images at a time
    for start in range(0, len(some), block):
        images = pixels[some[start : start + block]]
        for channel, seen in enumerate(counts):
            seen += np.bincount(images[:, channel].ravel(), minlength=256)
    shares, levels = counts / counts.sum(1, keepdims=True), np.arange(256) / 255
    mean = shares @ levels
    std = np.sqrt(np.maximum(shares @ levels**2 - mean**2, (1 / 255) ** 2))
    return tuple(mean.tolist()), tuple(std.tolist())
