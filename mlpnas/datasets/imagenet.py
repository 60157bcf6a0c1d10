"""ImageNet-1k (arXiv:1409.0575) in torchvision's form: `imagenet:FOLDER` with the three official archives.

Its val part is our test part, as in the papers; our val is split off train.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlpnas.datasets import DataRef
from mlpnas.datasets._listing import Listing, Part, Stamp, escape
from mlpnas.datasets._torchvision import part
from mlpnas.errors import DataError

_REMEDY = (
    "ImageNet asks for your registration: put ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar and "
    "ILSVRC2012_devkit_t12.tar.gz into one folder and write imagenet:FOLDER, or give the path of an extracted copy"
)


class Imagenet:
    needs_path = True
    flip = True

    def __init__(self, ref: DataRef) -> None:
        self.path = Path(ref.path)

    def listing(self) -> Listing:
        from torchvision.datasets import ImageNet

        train, test = (part(ImageNet, "imagenet", self.path, _REMEDY, split=name) for name in ("train", "val"))
        stamp = Stamp()
        try:
            for file, _ in (*train.samples, *test.samples):
                stamp.add(file, Path(file).stat())
        except OSError as error:
            raise DataError(f"{escape(error.filename)}: cannot be read ({error.strerror})") from None
        parts = {"train": _part(train.samples, "train"), "test": _part(test.samples, "val, as the papers do")}
        return Listing(tuple(names[0] for names in train.classes), parts, str(stamp))


def _part(samples: Sequence[Any], origin: str) -> Part:
    files = [str(file) for file, _ in samples]
    labels = np.array([label for _, label in samples], np.int64)
    return Part(labels, lambda: files, lambda row: escape(files[row]), origin)
