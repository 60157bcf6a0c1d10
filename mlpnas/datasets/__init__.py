"""Labelled images. One file of this folder = one source, found by its name or by a path that it recognises.

ref = resolve("../photos")        what the user wrote -> DataRef, plain data that travels to workers
data = load(ref)                  -> Dataset: uint8 tensors in memory or memory-mapped, split into train, val, test
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlpnas import plugins
from mlpnas.datasets._split import split
from mlpnas.errors import DataError, UnitError
from mlpnas.units import Limit

DEFAULT_SIZE = 224
_ENOUGH_FOR_STATISTICS = 5_000
_STATISTICS_BLOCK = 1 << 22  # pixels


@dataclass(frozen=True)
class DataRef:
    """Names a data set, for every process alike. JSON both ways.

    Attributes:
        source: a file of this folder.
        path: absolute, or "" for sources that need none.
        seed: of the split of val from train; the test part never depends on it.
    """

    source: str
    path: str = ""
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "DataRef":
        return cls(**data)

    def __str__(self) -> str:
        return f"{self.source}:{self.path}" if self.path else self.source


@dataclass(frozen=True, eq=False)
class Content:
    """All that a source holds, part after part.

    Attributes:
        pixels: uint8 (N, C, H, W); may be memory-mapped.
        labels: int64 (N,), each an index into `classes`.
        parts: number of images in "train" and, where the source has them, "val" and "test", in this order.
        digest: hash of the pixels where it is known already.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    parts: Mapping[str, int]
    digest: str = ""


class Source(Protocol):
    """Where images come from.

    A source that is found by its path has a class method `recognises(path: Path) -> bool` too.
    Reading fails with a DataError that names the file or the row.

    Attributes:
        needs_path: whether it can do without a path.
        flip: whether a mirrored image is still of its class.
    """

    needs_path: ClassVar[bool]
    flip: ClassVar[bool]

    def __init__(self, path: str) -> None: ...

    def read(self, image_size: int) -> Content:
        """Images of one square size up to `image_size` stay as they are, others are brought to `image_size`."""
        ...


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images, decoded once, and who may look at them.

    Attributes:
        pixels: uint8 (N, C, H, W). labels: int64 (N,).
        train, val, test: int64 indices into both. A prefix of `train` is a random sample.
        mean, std: of the train pixels per channel, for pixels between 0 and 1.
        flip: whether a mirrored image is still of its class.
        fingerprint: hash of images, labels, parts and class names.
    """

    name: str
    pixels: Tensor
    labels: Tensor
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
        """(height, width) in pixels."""
        return self.pixels.shape[2], self.pixels.shape[3]

    @cached_property
    def chance(self) -> float:
        """The top-1 share on val of always answering the most frequent class."""
        return float(self.labels[self.val].bincount().max()) / len(self.val)


def resolve(text: str, seed: int = 0) -> DataRef:
    """`mnist5k`, `cifar10:FOLDER`, a folder or a file -> DataRef with an absolute path.

    Raises:
        DataError: neither a source nor a path that one of them recognises.
    """
    name, _, rest = text.partition(":")
    if name in plugins.names("datasets"):
        if plugins.find("datasets", name).needs_path and not rest:
            raise DataError(f"data set {name}: needs a path; write {name}:FOLDER")
        return DataRef(name, str(Path(rest).expanduser().resolve()) if rest else "", seed)
    path = Path(text).expanduser().resolve()
    if not path.exists():
        raise DataError(f"{text}: no such data set or path; {_possible()}")
    for name in plugins.names("datasets"):
        recognises = getattr(plugins.find("datasets", name), "recognises", None)
        if recognises and recognises(path):
            return DataRef(name, str(path), seed)
    raise DataError(f"{text}: {'an empty folder' if _is_empty(path) else 'holds no data set'}; {_possible()}")


def _is_empty(path: Path) -> bool:
    return path.is_dir() and next(path.iterdir(), None) is None


def _possible() -> str:
    named = [name for name in plugins.names("datasets") if not plugins.find("datasets", name).needs_path]
    return (
        f"it can be {', '.join(named)}, a folder with train*.parquet, a .parquet file, "
        "or a folder with one folder of images per class (in train/, or at its top)"
    )


@lru_cache(maxsize=4)
def load(ref: DataRef, image_size: int | None = None) -> Dataset:
    """The data set, split; kept for the next call in this process.

    Raises:
        DataError: missing, corrupt or unusable; names the file or the row.
        MissingPackage: the source needs a package that is not installed.
    """
    source: Source = plugins.find("datasets", ref.source)(ref.path)
    content = _checked(source.read(image_size or DEFAULT_SIZE), ref)
    train, val, test = split(content.labels, content.parts, ref.seed)
    if not len(val):
        raise DataError(f"{ref}: too few images ({len(content.labels)}) to split val from train")
    mean, std = _statistics(content.pixels, train)
    return Dataset(
        name=ref.source if not ref.path else Path(ref.path).name,
        pixels=torch.from_numpy(content.pixels),
        labels=torch.from_numpy(content.labels),
        classes=content.classes,
        train=torch.from_numpy(train),
        val=torch.from_numpy(val),
        test=torch.from_numpy(test),
        mean=mean,
        std=std,
        flip=source.flip,
        fingerprint=_fingerprint(content),
    )


def _checked(content: Content, ref: DataRef) -> Content:
    seen = np.bincount(content.labels[: content.parts["train"]], minlength=len(content.classes))
    present = np.flatnonzero(seen)
    if len(present) < 2:
        only = f"only one class ({content.classes[present[0]]})" if len(present) else "no train images"
        raise DataError(f"{ref}: {only}; a classifier needs at least two")
    if len(present) < len(seen):
        missing = int(np.flatnonzero(seen == 0)[0])
        raise DataError(
            f"{ref}: no train image has label {missing} ({content.classes[missing]}); "
            f"labels must be 0 to {len(seen) - 1} without gaps"
        )
    return content


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


def _fingerprint(content: Content) -> str:
    digest = content.digest or digest_of(content.pixels)
    about = repr((digest, content.pixels.shape, content.classes, dict(content.parts)))
    return sha256(about.encode() + content.labels.tobytes()).hexdigest()[:16]


def memory_limit() -> float:
    """Bytes of decoded images up to which they are kept in memory (and on a GPU): $MLPNAS_MEMORY_LIMIT, or 1 GiB.

    Larger ones are memory-mapped.

    Raises:
        DataError: the variable is no size.
    """
    text = os.environ.get("MLPNAS_MEMORY_LIMIT") or "1GiB"
    try:
        limit = Limit.parse(text)
    except UnitError as error:
        raise DataError(f"MLPNAS_MEMORY_LIMIT: {error}") from None
    if limit.quantity != "peak_bytes":
        raise DataError(f"MLPNAS_MEMORY_LIMIT: {text!r} is no size; write it like 4GiB")
    return limit.value


def digest_of(pixels: NDArray[np.uint8]) -> str:
    """Hash of the pixels, block by block, so that a memory-mapped array need not fit in memory."""
    digest = sha256()
    for start in range(0, len(pixels), 4096):
        digest.update(np.ascontiguousarray(pixels[start : start + 4096]).data)
    return digest.hexdigest()
