"""Atomic writing of files, and reading of regular files only."""

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

_FULL = (errno.ENOSPC, errno.EDQUOT)
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}")


def read_file(path: Path) -> bytes:
    """Return the content of a file without following a link or waiting for a FIFO.

    Raises:
        OSError: it cannot be read; `strerror` says why.
    """
    with os.fdopen(open_file(path, os.O_RDONLY), "rb") as file:
        return file.read()


def open_file(path: Path, flags: int) -> int:
    """Open a regular file without following a link or waiting, and return its descriptor; raises as `read_file`."""
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "is a link, which is not followed", str(path)) from None
        raise
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is a folder" if stat.S_ISDIR(mode) else "is no regular file", str(path))
    return descriptor


@contextmanager
def replacing(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """Yield a temporary file that replaces `path`, synced to disk, when the block succeeds, and else is deleted.

    Args:
        mode: its permissions before the umask.
    """
    temporary = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode))
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):  # the first error is the one to report
            temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str, mode: int = 0o666) -> None:
    """Write a small file atomically."""
    with replacing(path, mode) as temporary:
        temporary.write_text(text, encoding="utf-8")


def retrying_while_disk_full(write: Callable[[], object]) -> Iterator[str]:
    """Call `write` until it succeeds; yield the reason each time the disk is full, so that the caller can wait."""
    while True:
        try:
            write()
            return
        except OSError as error:
            if error.errno not in _FULL:
                raise
            place = f" for {error.filename}" if error.filename else ""
            yield f"no room{place}: {os.strerror(error.errno)}"


def is_temporary(name: str) -> bool:
    """Return whether a name is one of the temporary files of `replacing`."""
    return _TEMPORARY.fullmatch(name) is not None


def clear_leftovers(folder: Path) -> None:
    """Delete the temporary files of a process that was killed; it must not be running."""
    for path in folder.glob(".*"):
        if is_temporary(path.name):
            with suppress(OSError):  # they do no harm
                path.unlink(missing_ok=True)
