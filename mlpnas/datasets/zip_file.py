"""A .zip with folders of images inside, like an image folder. Nothing is extracted."""

from pathlib import Path

from mlpnas.datasets import DataRef
from mlpnas.datasets._archive import ZipArchive, tree_of
from mlpnas.datasets._listing import Listing
from mlpnas.errors import DataError


class ZipFile:
    needs_path = True
    flip = True

    def __init__(self, ref: DataRef) -> None:
        self.path = Path(ref.path)

    @classmethod
    def recognises(cls, path: Path) -> int:
        return 2 if path.suffix.lower() == ".zip" and path.is_file() else 0

    def listing(self) -> Listing:
        if not self.path.is_file():
            raise DataError(f"{self.path}: no such file")
        return tree_of(ZipArchive(self.path)).listing()
