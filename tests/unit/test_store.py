"""The Parquet store: nothing lost, nothing repeated, readable without mlpnas."""

import os
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpnas.parts import SCHEMA_VERSION
from mlpnas.record import ORIGINS, STATUSES, EpochRow, Record
from mlpnas.store import Part, Store, Table
from tests.support.epochs import epoch_row

FINITE = st.floats(allow_nan=False)
TIMES = st.floats(0, 1e11)
COUNTS = ("macs", "params", "peak_bytes")
WORDS = st.text(max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | FINITE | WORDS
ANSWERS = st.dictionaries(WORDS, SCALARS, max_size=4)
VALUES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("top1", "loss", "latency"), FINITE) | dict.fromkeys(COUNTS, st.integers(0, 2**53)),
)
RECORDS = st.builds(
    Record,
    trial=st.integers(0, 10**9),
    key=WORDS,
    spec=WORDS,
    answers=ANSWERS,
    status=st.sampled_from(STATUSES),
    origin=st.sampled_from(ORIGINS),
    values=VALUES,
    epochs=st.integers(0, 1000),
    seconds=TIMES,
    seed=st.integers(0, 2**63 - 1),
    device=WORDS,
    error=st.text(),
    recipe=WORDS,
    weights=st.integers(0, 10**9).map("weights/{}.safetensors".format) | st.just(""),
    started=TIMES,
    finished=TIMES,
    sampler_state=ANSWERS,
)
FEW = st.lists(RECORDS, min_size=1, max_size=4, unique_by=lambda record: record.trial)


@pytest.fixture(scope="module", autouse=True)
def no_fsync() -> Iterator[None]:
    """A test cannot cut the power, so it need not wait for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


def record(trial: int, **changes: object) -> Record:
    plain = Record(trial, f"key{trial}", "{}", {"width": 16}, "done", values={"top1": 0.5, "macs": 1e6})
    return replace(plain, **changes)  # type: ignore[arg-type]


def curve(trial: int, epochs: int = 2) -> list[EpochRow]:
    return [epoch_row(trial, epoch, top1=0.3 + epoch / 10) for epoch in range(epochs)]


def part(folder: Path, number: int, *columns: str, schema: int = SCHEMA_VERSION) -> Path:
    """One part with one trial, of these columns only."""
    folder.mkdir(parents=True, exist_ok=True)
    row = asdict(record(number)) | {"answers": "{}"}
    table = pa.table({name: [row[name]] for name in columns})
    path = folder / f"part-{number:06d}-{number:06d}.parquet"
    pq.write_table(table.replace_schema_metadata({"mlpnas_schema": str(schema)}), path)
    return path


@settings(max_examples=25)
@given(FEW, st.data())
def test_every_record_comes_back_whatever_happens_between(records: list[Record], data: st.DataObject) -> None:
    """Appends, compactions and fresh openings in any order change nothing that is read."""
    with TemporaryDirectory() as folder:
        kept = Store(Path(folder))
        for item in records:
            kept.append(item, curve(item.trial))
            if data.draw(st.booleans(), "compact"):
                kept.compact()
            if data.draw(st.booleans(), "open again"):
                kept = Store(Path(folder))
        assert kept.history() == records
        assert kept.curves() == {item.trial: curve(item.trial) for item in records}


@settings(max_examples=25)
@given(st.integers(0, 4), st.integers(2, 6), st.integers(0, 4), st.integers(0, 5), st.booleans())
def test_a_crash_inside_compaction_loses_and_repeats_nothing(
    before: int, joined: int, after: int, deleted: int, debris: bool
) -> None:
    """The wide part is written, some narrow ones are still there; then the search goes on."""
    with TemporaryDirectory() as name:
        folder = Path(name) / "trials"
        for number in range(before):
            Store(Path(name)).append(record(number))
        Store(Path(name)).compact()
        for number in range(before, before + joined):
            Store(Path(name)).append(record(number))
        narrow = {path: path.read_bytes() for path in folder.iterdir()}
        Store(Path(name)).compact()
        for path in sorted(narrow)[deleted:]:
            path.write_bytes(narrow[path])
        if debris:
            (folder / ".part-000009-000009.parquet.77aa00ff").write_bytes(b"PAR1 half")
        resumed = Store(Path(name))
        for number in range(before + joined, before + joined + after):
            resumed.append(record(number))
        wanted = list(range(before + joined + after))
        assert [item.trial for item in resumed.history()] == wanted
        resumed.compact()
        assert [item.trial for item in resumed.history()] == wanted
        assert len(list(folder.iterdir())) == 1


@settings(max_examples=15)
@given(st.permutations(range(4)))
def test_parts_are_read_in_any_order_of_the_folder(order: list[int]) -> None:
    with TemporaryDirectory() as folder:
        for number in order:
            part(Path(folder) / "trials", number, "trial", "key", "spec", "answers", "status")
        assert [item.trial for item in Store(Path(folder)).history()] == [0, 1, 2, 3]


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Store(tmp_path)
    kept.append(record(0))

    def torn(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:50])
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", torn)
        with pytest.raises(OSError, match="disk full"):
            kept.append(record(1))
    assert [path.name for path in (tmp_path / "trials").iterdir()] == ["part-000000-000000.parquet"]
    kept.append(record(1))
    assert [item.trial for item in kept.history()] == [0, 1]


def test_parts_are_joined_before_they_are_many(tmp_path: Path) -> None:
    kept = Store(tmp_path)
    for number in range(130):
        kept.append(record(number))
        assert len(list((tmp_path / "trials").iterdir())) < 64
    assert len(kept.history()) == 130


def test_a_reader_survives_a_compaction_under_its_hands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Store(tmp_path)
    for number in range(3):
        writer.append(record(number))
    reader, listed, calls = Store(tmp_path), Table._list_parts, []

    def slow(table: Table) -> list[Part]:
        parts = listed(table)
        if table is reader.trials:
            calls.append(len(parts))
            if len(calls) == 1:
                writer.compact()
        return parts

    monkeypatch.setattr(Table, "_list_parts", slow)
    assert [item.trial for item in reader.history()] == [0, 1, 2]
    assert calls == [3, 1]
    assert reader.set_aside == {}


def test_compaction_leaves_files_of_others_alone(tmp_path: Path) -> None:
    kept = Store(tmp_path)
    kept.append(record(0))
    kept.append(record(1))
    (tmp_path / "trials" / "notes.txt").write_text("mine")
    (tmp_path / "trials" / "folder").mkdir()
    kept.compact()
    kinds = {path.name for path in (tmp_path / "trials").iterdir()}
    assert kinds == {"part-000000-000001.parquet", "notes.txt", "folder"}


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A run whose parts differ: a failed trial has no top1, a later one has a latency."""
    (tmp_path / "lr=0.1").mkdir()
    kept = Store(tmp_path / "lr=0.1")  # looks like a Hive partition and is none
    kept.append(record(0, status="failed", values={"macs": 2e6}, error="boom"))
    kept.append(record(1), curve(1))
    kept.append(record(2, values={"top1": 0.75, "macs": 3e6, "latency": 0.01}), curve(2))
    return tmp_path / "lr=0.1"


@pytest.mark.parametrize("compacted", [False, True])
def test_duckdb_reads_it(mixed: Path, compacted: bool) -> None:
    duckdb = pytest.importorskip("duckdb")
    if compacted:
        Store(mixed).compact()
    trials = f"read_parquet('{mixed}/trials/*.parquet', union_by_name=true, hive_partitioning=false)"
    rows = duckdb.sql(f"select trial, top1, latency, status from {trials} order by trial").fetchall()
    assert rows == [(0, None, None, "failed"), (1, 0.5, None, "done"), (2, 0.75, 0.01, "done")]
    epochs = f"read_parquet('{mixed}/epochs/*.parquet')"
    joined = f"select count(*) from {trials} join {epochs} using (trial)"
    assert duckdb.sql(joined).fetchall() == [(4,)]


def test_pandas_reads_a_compacted_run(mixed: Path) -> None:
    pandas = pytest.importorskip("pandas")
    Store(mixed).compact()
    frame = pandas.read_parquet(mixed / "trials").sort_values("trial")
    assert frame["top1"].isna().tolist() == [True, False, False]
    assert frame["macs"].tolist() == [2e6, 1e6, 3e6]


def test_plain_pyarrow_reads_a_compacted_run(mixed: Path) -> None:
    Store(mixed).compact()
    table = ds.dataset(mixed / "trials", format="parquet").to_table().sort_by("trial")
    assert table.column("latency").to_pylist() == [None, None, 0.01]
    assert table.column("answers").to_pylist() == ['{"width": 16}'] * 3


def test_a_folder_that_looks_like_a_partition_adds_no_column(mixed: Path) -> None:
    assert "lr" not in Store(mixed).trials.read().column_names
    assert set(Store(mixed).history()[1].values) == {"top1", "macs"}


def test_an_older_part_without_a_column_still_reads(tmp_path: Path) -> None:
    part(tmp_path / "trials", 0, "trial", "key", "spec", "answers", "status")
    Store(tmp_path).append(record(1, weights="weights/1.safetensors"))
    first, second = Store(tmp_path).history()
    assert (first.weights, first.values, first.origin) == ("", {}, "sampled")
    assert second == record(1, weights="weights/1.safetensors")


def test_an_older_curve_without_a_column_still_reads(tmp_path: Path) -> None:
    folder = tmp_path / "epochs"
    folder.mkdir()
    pq.write_table(pa.table({"trial": [3], "epoch": [0], "top1": [0.5]}), folder / "part-000000-000000.parquet")
    (row,) = Store(tmp_path).curves()[3]
    assert (row.epoch, row.values["top1"]) == (0, 0.5)
    assert np.isnan(row.learning_rate)


def test_a_column_of_a_later_version_is_carried_along(tmp_path: Path) -> None:
    path = part(tmp_path / "trials", 0, "trial", "key", "spec", "answers", "status")
    pq.write_table(pq.read_table(path).append_column("energy", pa.array([3.5])), path)
    Store(tmp_path).append(record(1))
    Store(tmp_path).compact()
    assert Store(tmp_path).history()[0].values == {"energy": 3.5}


def test_the_version_survives_the_joining_with_older_parts(tmp_path: Path) -> None:
    part(tmp_path / "trials", 0, "trial", "key", "spec", "answers", "status", schema=0)
    kept = Store(tmp_path)
    kept.append(record(1))
    kept.compact()
    (path,) = (tmp_path / "trials").iterdir()
    assert pq.read_schema(path).metadata[b"mlpnas_schema"] == str(SCHEMA_VERSION).encode()


def test_an_error_that_is_no_utf8_is_kept(tmp_path: Path) -> None:
    Store(tmp_path).append(record(0, status="failed", error="no file caf\udce9.jpg"))
    assert Store(tmp_path).history()[0].error == "no file caf?.jpg"


def test_no_run_yet_is_no_trials(tmp_path: Path) -> None:
    kept = Store(tmp_path)
    assert (kept.history(), kept.curves()) == ([], {})
    kept.compact()
    assert list(tmp_path.iterdir()) == []
