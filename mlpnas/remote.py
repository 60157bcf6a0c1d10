"""Files by path or URI: s3://, gs://, hdfs://, file:// and whatever else pyarrow's filesystems know.

A URI may end in options of its filesystem, s3://bucket/run?endpoint_override=localhost:9000&scheme=http; they stay at
the end when a name is joined to it. Credentials come from where each filesystem looks for them: the environment, its
files.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from secrets import token_hex
from time import monotonic
from typing import Any

from mlpnas.errors import Unreachable
from mlpnas.files import replacing, until_there_is_room
from mlpnas.plain_text import masked, visible

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_WHOLE = ("s3", "gcs", "abfs")  # stores that show an object once all of it has arrived
_LONGEST_REASON = 300
_PATIENCE = 60.0  # seconds with a place that does not answer; one try may take a third of it


def is_remote(target: object) -> bool:
    """Whether it is a URI; a Path never is, for it has lost a slash."""
    return isinstance(target, str) and bool(_SCHEME.match(target))


def join(uri: str, *names: str) -> str:
    """A file or folder below `uri`; the options at its end stay there."""
    place, mark, options = uri.partition("?")
    return "/".join([place.rstrip("/"), *names]) + mark + options


def file_name(target: str | Path) -> str:
    """weights/3.safetensors -> 3.safetensors, of a path or a URI."""
    return str(target).partition("?")[0].rpartition("/")[2] if is_remote(target) else Path(target).name


def filesystem(uri: str) -> tuple[Any, str]:
    """A pyarrow filesystem, and the path of `uri` in it.

    Raises:
        Unreachable: no filesystem is known for the scheme, or it cannot be set up: no credentials, no such bucket.
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
    """What to raise for an error of a filesystem."""
    return Unreachable(
        f"{uri}: cannot be used ({reason(error)}); write s3://BUCKET/PATH, gs://, hdfs:// or file:///PATH, and see "
        "that it exists and that this machine's credentials for it are set"
    )


def reason(error: Exception) -> str:
    """A filesystem's error in a line."""
    return visible(masked(" ".join(str(error).split())).rstrip("."))[:_LONGEST_REASON]


def write_bytes(target: str | Path, content: bytes) -> None:
    """Write a small file, whole or not at all; missing folders are made.

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
        except OSError:  # HDFS moves nothing onto a file
            found.delete_file(path)
            found.move(temporary, path)
    except OSError:
        _delete(found, temporary)
        raise


def read_bytes(target: str | Path) -> bytes:
    """All of a file.

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
    except OSError:  # S3 says nothing more of an object that is not there
        if found.get_file_info(path).is_file:
            raise


def folders_with(uri: str, file: str) -> list[str]:
    """Names of the folders in a folder that hold such a file.

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


def until_written(target: str | Path, content: bytes) -> Iterator[str]:
    """Write until it succeeds; yields why not yet, and the caller waits.

    A full disk is waited for as long as it takes, a remote place for a while.

    Raises:
        OSError: the remote place does not answer.
    """
    if not is_remote(target):
        yield from until_there_is_room(lambda: write_bytes(target, content))
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
    """The filesystem of a file's folder, so that one is kept for all its files, and the file's path in it."""
    place, mark, options = uri.partition("?")
    folder, slash, name = place.rpartition("/")
    found, path = filesystem(folder + slash + mark + options)
    return found, f"{path}/{name}"
