"""Image files with a class each -> Content."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mlpnas.datasets import Content
from mlpnas.datasets._decode import Encoded, decoded

Labelled = Sequence[tuple[Path, int]]


def content_of(parts: Mapping[str, Labelled], classes: tuple[str, ...], root: Path, image_size: int) -> Content:
    """Reads the files of all parts; `root` shortens their names in messages."""
    files = [file for part in parts.values() for file, _ in part]
    labels = np.array([label for part in parts.values() for _, label in part], np.int64)
    pixels, digest = decoded(
        lambda: (Encoded(str(file.relative_to(root.parent)), file) for file in files),
        count=len(files),
        image_size=image_size,
        source="files",
        files=files,
    )
    return Content(pixels, labels, classes, {name: len(part) for name, part in parts.items()}, digest)
