"""Arrays in .npz: x_train and y_train beside x_val, y_val, x_test, y_test; or one array of images and one of labels.

Images are (N, H, W), (N, H, W, C) or (N, C, H, W): integers from 0 to 255, or floats from 0 to 1 or to 255.
"""

import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlpnas.datasets import DataRef
from mlpnas.datasets._archive import reading
from mlpnas.datasets._labels import number_classes, plain
from mlpnas.datasets._listing import Listing, Part, escape
from mlpnas.datasets._open import MOST_PIXELS
from mlpnas.datasets._parts import in_order, split_of
from mlpnas.errors import DataError
from mlpnas.units import show

_IMAGES = {"x", "image", "images", "img", "imgs", "data", "features", "pixels"}
_LABELS = {"y", "label", "labels", "target", "targets", "class"}

Array = NDArray[Any]


class Npz:
    needs_path = True
    flip = True

    def __init__(self, ref: DataRef) -> None:
        self.path = Path(ref.path)
        self.name = escape(self.path)

    @classmethod
    def recognises(cls, path: Path) -> int:
        return 2 if path.suffix.lower() == ".npz" and path.is_file() else 0

    def listing(self) -> Listing:
        arrays, unused = self._arrays()
        images, labels = arrays["images"], arrays["labels"]
        factor, scale = self._scale(images["train"])
        pixels = {split: self._pixels(array, split, factor) for split, array in images.items()}
        if len({array.shape[1:] for array in pixels.values()}) > 1:
            shapes = ", ".join(f"{split} {array.shape[1:]}" for split, array in pixels.items())
            raise DataError(f"{self.name}: images of different shapes ({shapes}); all must have one")
        columns = {split: [self._column(labels.get(split), len(array), split)] for split, array in pixels.items()}
        known = number_classes(columns, (), self.name)
        parts = {
            split: Part(known.labels[split], tuple, f"{split} image {{}}".format, f"the {split} arrays")
            for split in pixels
        }
        notes = (scale, *(f"array {escape(name, 40)} is not read" for name in unused))
        return Listing(known.classes, parts, pixels=np.concatenate([*pixels.values()]), notes=notes)

    def _arrays(self) -> tuple[dict[str, dict[str, Array]], list[str]]:
        """Return images and labels of each split, and the names of other arrays."""
        found: dict[str, dict[str, Array]] = {"images": {}, "labels": {}}
        unused = list[str]()
        with reading(self.path):
            self._check_memory()
            with np.load(self.path, allow_pickle=False) as held:
                for name in held.files:
                    split, kind = _meaning(name)
                    if not kind or split in found[kind]:
                        unused.append(name)
                    else:
                        found[kind][split] = np.asarray(held[name])
        if "train" not in found["images"] or "train" not in found["labels"]:
            has = ", ".join(escape(name, 40) for name in held.files[:20])
            raise DataError(f"{self.name}: no arrays x_train and y_train, or images and labels (it has {has})")
        found["images"] = in_order(found["images"])
        return found, unused

    def _check_memory(self) -> None:
        with zipfile.ZipFile(self.path) as archive:
            needed = sum(info.file_size for info in archive.infolist())
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if needed > memory / 3:
            sizes = f"{show(needed, 'peak_bytes')} of arrays, this machine has {show(memory, 'peak_bytes')}"
            raise DataError(f"{self.name}: {sizes} of memory; write the images as files or as Parquet")

    def _scale(self, train: Array) -> tuple[float, str]:
        """Return the factor for pixels, the same for all splits, and a note about it."""
        if train.dtype.kind not in "buif" or not train.size:
            raise DataError(f"{self.name}: images of type {train.dtype}; write integers from 0 to 255")
        most = float(train.max())
        if train.dtype == np.uint8:
            return 1, "pixels are integers from 0 to 255"
        if train.dtype == np.uint16 and most > 255:
            return 1 / 256, "pixels of 16 bits are read by their upper 8 bits"
        if train.dtype.kind in "bf" and most <= 1:
            return 255, "pixels are taken to be from 0 to 1"
        return 1, "pixels are taken to be from 0 to 255"

    def _pixels(self, array: Array, split: str, factor: float) -> NDArray[np.uint8]:
        """Return uint8 (N, C, H, W)."""
        shape = array.shape
        if array.ndim == 4 and shape[3] in (1, 3):
            array = array.transpose(0, 3, 1, 2)
        elif array.ndim == 3:
            array = array[:, None]
        elif array.ndim != 4 or shape[1] not in (1, 3):
            raise DataError(f"{self.name}: {split} images of shape {shape}; write (N, H, W) or (N, H, W, 3)")
        if not array.size or array.shape[2] * array.shape[3] > MOST_PIXELS:
            raise DataError(f"{self.name}: {split} images of shape {shape}, which cannot be used")
        if array.dtype == np.uint8 and factor == 1:
            return np.ascontiguousarray(array)
        scaled = np.empty(array.shape, np.uint8)
        for row, image in enumerate(array):
            values = image.astype(np.float64) * factor
            if not (values.min() >= 0 and values.max() < 256):
                reads = f"{split} image {row}: pixels from {image.min():g} to {image.max():g}"
                raise DataError(f"{self.name}: {reads}; write integers from 0 to 255, or floats from 0 to 1")
            scaled[row] = np.minimum(np.round(values), 255) if factor >= 1 else values
        return scaled

    def _column(self, labels: Array | None, count: int, split: str) -> pa.ChunkedArray:
        if labels is None:
            return pa.chunked_array([pa.nulls(count)])
        if labels.ndim == 2 and labels.shape[1] > 1 and _is_one_hot(labels):
            labels = labels.argmax(1)
        elif labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.ndim != 1 or labels.dtype.kind not in "buifUS" or len(labels) != count:
            kind = f"{labels.dtype} of shape {labels.shape}"
            raise DataError(f"{self.name}: {split} labels are {kind}; write one integer for each of {count} images")
        if labels.dtype.kind == "S":
            labels = np.char.decode(labels, "utf-8", "replace")
        values = pa.array(labels.tolist() if labels.dtype.kind == "U" else labels)
        return plain(pa.chunked_array([values]), f"{self.name}: {split} labels")


def _meaning(name: str) -> tuple[str, str]:
    """Return split and role of an array: "x_train" -> ("train", "images"); without a split's name: train."""
    words = [word for word in re.split(r"[^a-z]+", name.lower()) if word]
    splits = [split_of(word) for word in words if split_of(word)]
    roles = [word for word in words if not split_of(word)]
    kind = "images" if set(roles) & _IMAGES else "labels" if set(roles) & _LABELS else ""
    return (splits[0] if splits else "train"), kind if len(roles) == 1 and len(splits) <= 1 else ""


def _is_one_hot(labels: Array) -> bool:
    return labels.dtype.kind in "buif" and bool(((labels == 0) | (labels == 1)).all() and (labels.sum(1) == 1).all())
