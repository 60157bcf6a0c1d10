"""One part: what is read is what was written, or the part is named; whatever its bytes or its schema."""

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpnas.run_files import part_name
from mlpnas.store import Store
from tests.support.part_files import ROW, run_of


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, list[Any]]:
    folder = tmp_path_factory.mktemp("part")
    run = run_of(folder, *range(6), id="mine")
    run.store.compact()
    (path,) = (folder / "trials").iterdir()
    return path, path.read_bytes(), run.store.history()


def test_no_flipped_bit_changes_the_rows(part: tuple[Path, bytes, list[Any]]) -> None:
    """In a part without checksums, one bit in seven did."""
    path, content, wanted = part
    rng, refused = Random(0), 0
    for _ in range(400):
        damaged, bit = bytearray(content), rng.randrange(8 * len(content))
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes(damaged))
        store = Store(path.parents[1], "mine")
        found = store.history()
        refused += not found
        assert found == wanted or (found == [] and store.set_aside)
    assert refused > 350
    path.write_bytes(content)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_mutated_parts_are_right_or_named(part: tuple[Path, bytes, list[Any]], data: st.DataObject) -> None:
    """Also where no checksum tells: cut, joined, with bytes of others, as parts of earlier versions."""
    _, content, wanted = part
    if data.draw(st.booleans(), "without checksum"):
        content = content.replace(b"mlpnas_sha256", b"another_mark_")
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(start + 40, len(content))))
        content = content[:start] + data.draw(st.binary(max_size=20)) + content[end:]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "trials" / part_name(0, 0)
        path.parent.mkdir()
        path.write_bytes(content)
        store = Store(Path(folder), "mine")
        found = store.history()
        assert found or store.set_aside
        if b"mlpnas_sha256" in content:
            assert found in ([], wanted)
        store.compact()
        assert path.exists()


SHORT = st.text(max_size=9)
COLUMNS = st.sampled_from([*ROW, "weights", "sampler_state", "seconds", "epochs", "extra", "=x", "image"])
CELLS: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(COLUMNS, CELLS, max_size=3), st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=2)
)
def test_parts_of_any_schema_are_right_or_named(changes: dict[str, Any], marks: dict[str, str]) -> None:
    try:
        bad = pa.table({name: [value] for name, value in {**ROW, **changes}.items()}).replace_schema_metadata(marks)
    except (pa.ArrowException, UnicodeError, OverflowError):
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "trials" / part_name(0, 0)
        path.parent.mkdir()
        try:
            pq.write_table(bad, path)
        except (pa.ArrowException, UnicodeError):
            return
        store = Store(Path(folder), "mine")
        assert len(store.history()) == 1 or store.set_aside
        store.compact()
        assert len(store.history()) == 1 or path.exists()


def test_a_part_says_whose_it_is_to_every_reader(part: tuple[Path, bytes, list[Any]]) -> None:
    path, _, wanted = part
    marks = pq.read_metadata(path).metadata
    assert (marks[b"mlpnas_run"], len(marks[b"mlpnas_sha256"])) == (b"mine", 64)
    found = pq.ParquetFile(path, page_checksum_verification=True).read()
    assert found.num_rows == len(wanted)
