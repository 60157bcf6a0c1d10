"""Whether somebody answers at an address."""

import re
import socket

from mlpnas.errors import RunError
from mlpnas.plain_text import quoted


def knock(address: str) -> None:
    """Ray itself takes minutes to notice that nobody is there.

    Raises:
        RunError: nobody is, or `address` is none.
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
