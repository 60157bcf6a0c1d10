"""The memory limit for decoded images, and the hash of pixels that may not fit in memory."""

import os
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from mlpnas.errors import DataError, UnitError
from mlpnas.units import Limit


def memory_limit() -> float:
    """Return the most bytes of decoded images to keep in memory (and on a GPU): $MLPNAS_MEMORY_LIMIT, or 1 GiB.

    Larger data are memory-mapped.

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
    """Return the hash of pixels, computed in blocks because a memory-mapped array may not fit in memory."""
    digest = sha256()
    for start in range(0, len(pixels), 4096):
        digest.update(np.ascontiguousarray(pixels[start : start + 4096]).data)
    return digest.hexdigest()
