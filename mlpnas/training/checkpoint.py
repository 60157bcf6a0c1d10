"""A training that stops before its end, as bytes in a file, so that it goes on later in whichever process."""

import pickle
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import torch

from mlpnas.remote import read_bytes


def dumps(state: Mapping[str, Any]) -> bytes:
    """`state` as `Training.state` gives it."""
    content = BytesIO()
    torch.save(dict(state), content)
    return content.getvalue()


def read(target: str, device: str) -> dict[str, Any] | None:
    """The state in a file, by path or URI; None where there is none that can be read: begin anew then."""
    try:
        state = torch.load(BytesIO(read_bytes(target)), map_location=device, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):
        return None
    return state if isinstance(state, dict) else None
