"""A check that somebody answers at a cluster's address."""

import re
import socket

from mlpnas.errors import RunError
from mlpnas.plain_text import quoted


def check_reachable(address: str) -> None:
    """Connect to `address` once; Ray itself takes minutes to notice that nobody is there.

    Raises:
        RunError: nobody answers, or `address` is not HOST:PORT.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        if not host or not re.fullmatch("[0-9]{1,5}", port):
            raise ValueError("not HOST:PORT")
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError, OverflowError) as error:
        raise RunError(
            f"no Ray cluster answers at {quoted(address)} ({error}); write HOST:PORT of its head, or auto"
        ) from None
