"""Whether somebody answers at an address."""

import socket

from mlpnas.errors import RunError


def knock(address: str) -> None:
    """Ray itself takes minutes to notice that nobody is there.

    Raises:
        RunError: nobody is, or `address` is none.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError, OverflowError) as error:
        raise RunError(
            f"no Ray cluster answers at {address!r} ({error}); write HOST:PORT of its head, or auto"
        ) from None
