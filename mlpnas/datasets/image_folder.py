"""A folder with one folder of images per class: train/CLASS/*.jpg beside val/ and test/, or CLASS/*.jpg at its top."""

from pathlib import Path

from mlpnas.datasets import DataRef
from mlpnas.datasets._listing import Listing
from mlpnas.datasets._parts import split_of
from mlpnas.datasets._tree import Tree
from mlpnas.datasets._walk import has_image, visible, walk
from mlpnas.errors import DataError


class ImageFolder:
    needs_path = True
    flip = True

    def __init__(self, ref: DataRef) -> None:
        self.path = Path(ref.path)

    @classmethod
    def recognises(cls, path: Path) -> int:
        """Return 2 for two or more folders with images, or for train/ with such; 1 for one folder."""
        folders = [folder for folder in visible(path) if folder.is_dir() and has_image(folder)]
        if any(split_of(folder.name) == "train" and cls.recognises(folder) for folder in folders):
            return 2
        if len(folders) == 1:
            return max(1, cls.recognises(folders[0]))
        return 2 if any(not split_of(folder.name) for folder in folders) or _all_hold_classes(folders) else 0

    def listing(self) -> Listing:
        if not self.path.is_dir():
            raise DataError(f"{self.path}: no such folder")
        found = walk(self.path)
        images = sorted(found.images, key=lambda image: image[0].split("/"))
        return Tree(
            name=self.path.name,
            images=images,
            others=found.others,
            empty=found.empty,
            skipped=found.skipped,
            read=lambda names: (f"{self.path}/{name}" for name in names),
            stamp=str(found.stamp),
        ).listing()


def _all_hold_classes(folders: list[Path]) -> bool:
    return bool(folders) and all(any(has_image(inner) for inner in visible(folder)) for folder in folders)
