"""What data may hold in memory, and the hash of pixels that may not fit."""

import os
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from mlpnas.errors import DataError, UnitError
from mlpnas.units import Limit


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
