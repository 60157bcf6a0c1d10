"""One writer per run: a lock that a crash releases."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlpnas.errors import RunError


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold the run's lock; the system lets go of it when the process ends, however it ends.

    Raises:
        RunError: another process writes to this run; names it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise RunError(f"{folder}: {holder} is searching here; wait for it, or take another --run") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
