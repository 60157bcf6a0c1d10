"""ImageNet-1k (arXiv:1409.0575) as torchvision keeps it: `imagenet:FOLDER` with the three official archives.

Its val part is the test part here, as in the papers; val is split from train.
"""

from pathlib import Path
from typing import Any

from mlpnas.datasets import Content
from mlpnas.datasets._image_files import Labelled, content_of
from mlpnas.datasets._torchvision import part

_REMEDY = (
    "ImageNet asks for your registration: put ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar and "
    "ILSVRC2012_devkit_t12.tar.gz into one folder and write imagenet:FOLDER, or give the path of an extracted copy"
)


class Imagenet:
    needs_path = True
    flip = True

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def read(self, image_size: int) -> Content:
        from torchvision.datasets import ImageNet

        train, test = (part(ImageNet, "imagenet", self.path, _REMEDY, split=name) for name in ("train", "val"))
        parts = {"train": _labelled(train), "test": _labelled(test)}
        return content_of(parts, tuple(names[0] for names in train.classes), self.path, image_size)


def _labelled(images: Any) -> Labelled:
    return [(Path(file), label) for file, label in images.samples]
