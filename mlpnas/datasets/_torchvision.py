"""torchvision's loaders, with their download."""

from pathlib import Path
from typing import Any

import numpy as np

from mlpnas import cache
from mlpnas.datasets._listing import Listing, in_memory
from mlpnas.errors import DataError


def listing_of(loader: Any, name: str, path: str) -> Listing:
    """Return the listing of a torchvision set; its files are in `path` or the cache folder.

    Raises:
        DataError: it is not there and cannot be downloaded.
    """
    root = Path(path) if path else cache.folder("downloads")
    train, test = (part(loader, name, root, train=train, download=True) for train in (True, False))
    pixels = np.concatenate([_channels_first(train.data), _channels_first(test.data)])
    labels = np.concatenate([np.asarray(train.targets), np.asarray(test.targets)]).astype(np.int64)
    return in_memory(pixels, labels, train.classes, {"train": len(train.targets), "test": len(test.targets)})


def part(loader: Any, name: str, root: Path, remedy: str = "", **options: Any) -> Any:
    """Load one part of a torchvision set, or raise DataError with the remedy."""
    try:
        return loader(root, **options)
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        remedy = remedy or f"copy torchvision's files there, or write {name}:FOLDER for a folder that has them"
        raise DataError(f"{name}: not in {root} and cannot be downloaded ({reason}); {remedy}") from None


def _channels_first(images: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Transpose (N, H, W) or (N, H, W, C) to (N, C, H, W)."""
    pixels = np.asarray(images, np.uint8)
    return pixels[:, None] if pixels.ndim == 3 else np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
