"""A folder with one folder of images per class: train/CLASS/*.jpg beside val/ and test/, or CLASS/*.jpg at its top."""

from pathlib import Path

from mlpnas.datasets import Content
from mlpnas.datasets._image_files import Labelled, content_of
from mlpnas.datasets._parts import parts_of
from mlpnas.errors import DataError

_ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}


class ImageFolder:
    needs_path = True
    flip = True

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    @classmethod
    def recognises(cls, path: Path) -> bool:
        top = path / "train" if (path / "train").is_dir() else path
        return top.is_dir() and any(_images(folder) for folder in _folders(top))

    def read(self, image_size: int) -> Content:
        if not self.path.is_dir():
            raise DataError(f"{self.path}: no such folder")
        if (self.path / "train").is_dir():
            tops = {part: self.path / part for part in ("train", "val", "test") if (self.path / part).is_dir()}
        else:
            tops = {"train": self.path}
        classes = tuple(folder.name for folder in _folders(tops["train"]))
        parts = {part: _labelled(top, classes) for part, top in tops.items()}
        return content_of(parts_of(parts, self.path), classes, self.path, image_size)


def _folders(top: Path) -> list[Path]:
    return sorted(folder for folder in top.iterdir() if folder.is_dir() and not folder.name.startswith("."))


def _images(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in _ENDINGS)


def _labelled(top: Path, classes: tuple[str, ...]) -> Labelled:
    """The images under `top` with their class number; every folder must be a class of train, and hold images."""
    labelled: list[tuple[Path, int]] = []
    for folder in _folders(top):
        if folder.name not in classes:
            raise DataError(f"{folder}: train has no class {folder.name!r} (it has {', '.join(classes[:10])})")
        images = _images(folder)
        if not images:
            raise DataError(f"{folder}: an empty folder; put the images of this class there, or remove it")
        number = classes.index(folder.name)
        labelled += [(image, number) for image in images]
    return labelled
