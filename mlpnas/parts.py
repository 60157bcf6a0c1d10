"""One part of a run's table: a Parquet file with the identity of its run and checksums.

Parquet's own checksums cover its pages but not the metadata that describes them, so a digest in the metadata covers the
whole file, with the digest itself counted as zeros.
"""

import re
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlpnas.files import read_file, replacing
from mlpnas.plain_text import shortened

SCHEMA_VERSION = 1
_MOST_ROWS = 20_000_000
_SCHEMA, _RUN, _DIGEST = b"mlpnas_schema", b"mlpnas_run", b"mlpnas_sha256"
_ZEROS = b"0" * 64
_STORED = re.compile(_DIGEST + rb"(?:\x18@)([0-9a-f]{64})")  # how Parquet writes a text of 64 bytes after its key


class BadPart(Exception):
    """A part that cannot be used; the text says why."""


def write(path: Path, table: pa.Table, run: str = "") -> None:
    """Write a part atomically and sync it to disk.

    Args:
        run: the identity of its run, or "".
    """
    marks = {_SCHEMA: str(SCHEMA_VERSION)} | ({_RUN: run} if run else {})
    table, buffer = table.replace_schema_metadata(marks), pa.BufferOutputStream()
    with pq.ParquetWriter(buffer, table.schema, write_page_checksum=True) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({_DIGEST: _ZEROS})
    content = bytearray(buffer.getvalue())
    start, end = _find_digest(content)
    assert end, "the digest's place"
    content[start:end] = sha256(content).hexdigest().encode()
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def read(path: Path, run: str | None = None) -> pa.Table:
    """Return the table of a part.

    Args:
        run: the identity that it must have if it has one; None: any.

    Raises:
        BadPart: it cannot be used. FileNotFoundError: it does not exist.
    """
    try:
        content = read_file(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BadPart(error.strerror or str(error)) from None
    _check_digest(content)
    try:
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        _check_marks(file.metadata, run)
        table = file.read()
        table.validate(full=True)
    except BadPart:
        raise
    except Exception as error:  # pyarrow raises errors of many kinds for a damaged file
        raise BadPart(f"not readable as Parquet ({shortened(str(error))})") from None
    return table


def _find_digest(content: bytes | bytearray) -> tuple[int, int]:
    """Return start and end of the digest: its last occurrence, since rows may hold the same bytes."""
    start = content.rfind(_DIGEST)
    found = _STORED.match(content, start) if start >= 0 else None
    return found.span(1) if found else (0, 0)


def _check_digest(content: bytes) -> None:
    """Raise BadPart if the digest does not match; parts of earlier versions have none."""
    start, end = _find_digest(content)
    if not end:
        return
    found, whole = sha256(), memoryview(content)
    for piece in (whole[:start], _ZEROS, whole[end:]):
        found.update(piece)
    if found.hexdigest().encode() != content[start:end]:
        raise BadPart("damaged (its bytes do not match their checksum)")


def _check_marks(metadata: pq.FileMetaData, run: str | None) -> None:
    marks = metadata.metadata or {}
    version, owner = marks.get(_SCHEMA, b"0"), marks.get(_RUN, b"")
    if not re.fullmatch(rb"[0-9]{1,9}", version):
        raise BadPart(f"its schema's version is {shortened(version)}, no number")
    if int(version) > SCHEMA_VERSION:
        raise BadPart(f"written by a newer mlpnas (schema {int(version)}); update mlpnas to read it")
    if run is not None and owner and owner != run.encode():
        raise BadPart(f"belongs to another run ({shortened(owner.decode('ascii', 'replace'))})")
    if metadata.num_rows > _MOST_ROWS:
        raise BadPart(f"has {metadata.num_rows} rows; a part has at most {_MOST_ROWS}")
