"""Files that are written whole or not at all."""

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

_FULL = (errno.ENOSPC, errno.EDQUOT)
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place, on disk, once the block ends well; else it vanishes."""
    temporary = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a small file at once or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def until_there_is_room(write: Callable[[], object]) -> Iterator[str]:
    """Call `write` until it succeeds; yields why not, each time that the disk was full, and the caller waits."""
    while True:
        try:
            write()
            return
        except OSError as error:
            if error.errno not in _FULL:
                raise
            place = f" for {error.filename}" if error.filename else ""
            yield f"no room{place}: {os.strerror(error.errno)}"


def clear_leftovers(folder: Path) -> None:
    """Delete what a process that was killed while `replacing` a file has left; its writer must be gone."""
    for path in folder.glob(".*"):
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)
