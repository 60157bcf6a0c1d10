"""A training that stops before its end, in a file, so that it goes on later, in whichever process."""

import pickle
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from mlpnas.files import replacing


def write(state: Mapping[str, Any], path: Path) -> None:
    """`state` as `Training.state` gives it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = BytesIO()
    torch.save(dict(state), content)
    with replacing(path) as part:
        part.write_bytes(content.getbuffer())


def read(path: Path, device: str) -> dict[str, Any] | None:
    """What `write` has written; None where there is nothing, or nothing that can be read: begin anew then."""
    try:
        state = torch.load(BytesIO(path.read_bytes()), map_location=device, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):
        return None
    return state if isinstance(state, dict) else None
