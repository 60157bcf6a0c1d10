"""Files by path or URI: s3://, gs://, hdfs://, file:// and all others that pyarrow's filesystems know.

A URI may end in options of its filesystem, s3://bucket/run?endpoint_override=localhost:9000&scheme=http; they stay at
the end when a name is joined to it. Each filesystem finds its credentials itself, in the environment or its files.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from secrets import token_hex
from time import monotonic
from typing import Any

from mlpnas.errors import Unreachable
from mlpnas.files import replacing, retrying_while_disk_full
from mlpnas.plain_text import masked, visible

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_WHOLE = ("s3", "gcs", "abfs")  # stores that show only complete objects
_LONGEST_REASON = 300
_PATIENCE = 60.0  # seconds to wait for a place that does not answer; one try may take a third of it


def is_remote(target: object) -> bool:
    """Return whether it is a URI; a Path is none, because it has lost a slash."""
    return isinstance(target, str) and bool(_SCHEME.match(target))


def join(uri: str, *names: str) -> str:
    """Return the URI of a file or folder below `uri`; its options stay at the end."""
    place, mark, options = uri.partition("?")
    return "/".join([place.rstrip("/"), *names]) + mark + options


def file_name(target: str | Path) -> str:
    """Return the last part of a path or URI: weights/3.safetensors -> 3.safetensors."""
    return str(target).partition("?")[0].rpartition("/")[2] if is_remote(target) else Path(target).name


def filesystem(uri: str) -> tuple[Any, str]:
    """Return the pyarrow filesystem of `uri` and the path in it.

    Raises:
        Unreachable: the scheme is unknown, or there are no credentials or no such bucket.
    """
    try:
        return _filesystem(uri)
    except (ValueError, OSError, NotImplementedError) as error:
        raise unreachable(uri, error) from None


@lru_cache(maxsize=64)
def _filesystem(uri: str) -> tuple[Any, str]:
    from pyarrow.fs import FileSystem

    found, path = FileSystem.from_uri(uri)
    return found, path.rstrip("/")


def unreachable(uri: str, error: Exception) -> Unreachable:
    """Return the error to raise for a filesystem's error."""
    return Unreachable(
        f"{uri}: cannot be used ({reason(error)}); write s3://BUCKET/PATH, gs://, hdfs:// or file:///PATH, and see "
        "that it exists and that this machine's credentials for it are set"
    )


def reason(error: Exception) -> str:
    """Return a filesystem's error as one line of text."""
    return visible(masked(" ".join(str(error).split())).rstrip("."))[:_LONGEST_REASON]


def write_bytes(target: str | Path, content: bytes) -> None:
    """Write a small file atomically, making missing folders.

    Raises:
        OSError: it cannot be written.
    """
    if not is_remote(target):
        _write_here(Path(target), content)
        return
    found, path = _file(str(target))
    if found.type_name == "local":
        _write_here(Path(path), content)
    elif found.type_name in _WHOLE:
        _write_there(found, path, content)
    else:
        _write_aside(found, path, content)


def _write_here(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _write_there(found: Any, path: str, content: bytes) -> None:
    with found.open_output_stream(path) as stream:
        stream.write(content)


def _write_aside(found: Any, path: str, content: bytes) -> None:
    folder, _, name = path.rpartition("/")
    temporary = f"{folder}/.{name}.{token_hex(4)}"
    found.create_dir(folder, recursive=True)
    try:
        _write_there(found, temporary, content)
        try:
            found.move(temporary, path)
        except OSError:  # HDFS does not move onto an existing file
            found.delete_file(path)
            found.move(temporary, path)
    except OSError:
        _delete(found, temporary)
        raise


def read_bytes(target: str | Path) -> bytes:
    """Return the content of a file.

    Raises:
        FileNotFoundError: there is none. OSError: it cannot be read.
    """
    if not is_remote(target):
        return Path(target).read_bytes()
    found, path = _file(str(target))
    with found.open_input_stream(path, compression=None) as stream:
        return stream.read()


def delete(target: str | Path) -> None:
    """Delete a file, if there is one.

    Raises:
        OSError: it cannot be deleted.
    """
    if is_remote(target):
        _delete(*_file(str(target)))
    else:
        Path(target).unlink(missing_ok=True)


def _delete(found: Any, path: str) -> None:
    try:
        found.delete_file(path)
    except FileNotFoundError:
        pass
    except OSError:  # S3 raises no FileNotFoundError for a missing object
        if found.get_file_info(path).is_file:
            raise


def folders_with(uri: str, file: str) -> list[str]:
    """Return the names of the folders below `uri` that contain `file`.

    Raises:
        Unreachable: it cannot be listed.
    """
    from pyarrow.fs import FileSelector

    found, path = filesystem(uri)
    try:
        names = [info.base_name for info in found.get_file_info(FileSelector(path, allow_not_found=True))]
        infos = found.get_file_info([f"{path}/{name}/{file}" for name in names])
    except OSError as error:
        raise unreachable(uri, error) from None
    return [name for name, info in zip(names, infos, strict=True) if info.is_file]


def retry_writing(target: str | Path, content: bytes) -> Iterator[str]:
    """Write until it succeeds; yield the reason after each failure, so that the caller can wait.

    A full disk is retried for ever, a remote place for a minute.

    Raises:
        OSError: the remote place still does not answer.
    """
    if not is_remote(target):
        yield from retrying_while_disk_full(lambda: write_bytes(target, content))
        return
    end = monotonic() + _PATIENCE
    while True:
        try:
            write_bytes(target, content)
            return
        except OSError as error:
            if monotonic() >= end:
                raise
            yield f"{masked(str(target))}: cannot be written ({reason(error)})"


def _file(uri: str) -> tuple[Any, str]:
    """Return the filesystem of a file's folder, cached for all its files, and the file's path in it."""
    place, mark, options = uri.partition("?")
    folder, slash, name = place.rpartition("/")
    found, path = filesystem(folder + slash + mark + options)
    return found, f"{path}/{name}"
