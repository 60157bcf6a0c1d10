"""One writer per run: a lock that a crash releases."""

import errno
import fcntl
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from mlpnas.errors import RunError
from mlpnas.files import open_file
from mlpnas.plain_text import MOST

_NAME = re.compile(r"process ([0-9]{1,9}) on (.+)")
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


@contextmanager
def hold_lock(folder: Path) -> Iterator[None]:
    """Hold the run's lock; the system releases it when the process ends, however it ends.

    On a file system without locks, the holder's name in the file is all there is; it is removed at the end.

    Raises:
        RunError: another process, which is named, writes to this run, or there can be no lock file.
    """
    with _open(folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"{folder}: {_holder(file)} is searching here; wait for it, or take another --run") from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise RunError(f"{folder}: cannot be locked ({error.strerror}); no trial was begun") from error
            _check_name(folder, file)
        _write_name(folder, file)
        try:
            yield
        finally:
            with suppress(OSError):  # a name that stays is that of an ended process
                file.truncate(0)


def _write_name(folder: Path, file: TextIO) -> None:
    try:
        file.seek(0)
        file.truncate(0)
        file.write(own_name())
        file.flush()
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror}); no trial was begun") from error


def _open(folder: Path) -> TextIO:
    """Open the lock file, made if missing; a link is refused, a hard one too, because its target would be emptied."""
    path = folder / ".lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = open_file(path, os.O_RDWR | os.O_CREAT)
        if os.fstat(descriptor).st_nlink > 1:
            os.close(descriptor)
            raise OSError(errno.EMLINK, "is a file that stands elsewhere too", str(path))
    except OSError as error:
        raise RunError(
            f"{path}: cannot be opened ({error.strerror}); if no search writes to this run, delete what is there, or "
            "take a folder that you may write to"
        ) from None
    return os.fdopen(descriptor, "r+", encoding="utf-8", errors="replace")


def _holder(file: TextIO) -> str:
    file.seek(0)
    return file.read(MOST).strip() or "another process"


def _check_name(folder: Path, file: TextIO) -> None:
    """Raise RunError if the file names a holder, unless that is an ended process of this machine."""
    if os.fstat(file.fileno()).st_size and not is_gone(name := _holder(file)):
        raise RunError(
            f"{folder}: {name} is searching here, or was killed (this file system knows no locks); if it is "
            f"gone, delete {folder / '.lock'}"
        )


def own_name() -> str:
    """Return the name of this process as a holder, in a lock and in a lease."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def is_gone(holder: str) -> bool:
    """Return whether a holder has surely ended, which is known of this machine's processes alone."""
    named = _NAME.fullmatch(holder)
    return named is not None and named[2] == socket.gethostname() and not _is_alive(int(named[1]))


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
