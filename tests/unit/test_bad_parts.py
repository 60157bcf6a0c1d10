"""A part that cannot be used is set aside under its file's name; the rest of the run is used, and nothing is lost."""

import os
import shutil
from collections.abc import Callable
from math import inf, nan
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlpnas import parts
from mlpnas.errors import RunError
from mlpnas.report import write_report
from mlpnas.run import Run
from mlpnas.run_files import LAST_PART, part_name
from tests.support.fake_runs import record
from tests.support.part_files import SPEC, place, run_of, table

DEEP = '{"a": ' * 100_000
TEXT = pa.array([b"caf\xe9"], pa.binary())


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


def marked(**marks: str) -> pa.Table:
    return table().replace_schema_metadata(marks)


def without(name: str) -> pa.Table:
    return table().drop_columns([name])


BAD = {
    "no number in a column of integers": (table(trial="one"), "column 'trial' holds string, expected integers"),
    "a number in a column of text": (table(key=5), "column 'key' holds int64, expected text"),
    "a nested column": (table(answers=pa.array([{"a": 1}])), "column 'answers' holds struct<a: int64>, expected text"),
    "a list of values": (table(top1=pa.array([[0.5]])), "column 'top1' holds list"),
    "a column of images": (table(image=b"PNG"), "column 'image' holds binary, expected numbers"),
    "a name that a spreadsheet computes": (table(**{"=cmd|' /c calc'!A0": 1.0}), "which is no name of a value"),
    "an endless time": (table(started=inf), "column 'started' holds inf, not from 0 to 1e+11"),
    "a time that is no number": (table(seconds=nan), "column 'seconds' holds nan"),
    "a time before time": (table(finished=-1.0), "column 'finished' holds -1.0"),
    "endless MACs": (table(macs=inf), "column 'macs' holds inf, not from 0 to 1e+18"),
    "a negative trial": (table(trial=-1), "column 'trial' holds -1"),
    "a trial beyond counting": (table(trial=2**62), "not from 0 to 1e+12"),
    "a trial without a number": (table(trial=pa.array([None], pa.int64())), "column 'trial' has rows without a value"),
    "an unknown status": (table(status="great"), "column 'status' holds 'great', a name that is not known"),
    "no status": (without("status"), "has no column 'status'"),
    "text that is no UTF-8": (table(key=TEXT.view(pa.string())), "UTF8"),
    "answers that are no JSON": (table(answers="{"), "column 'answers' holds '{', no JSON object"),
    "answers that are a list": (table(answers="[]"), "column 'answers' holds '[]', no JSON object"),
    "answers that nest": (table(answers='{"a": [1]}'), "where an answer is no plain value"),
    "a state that nests without end": (table(sampler_state=DEEP), "column 'sampler_state' holds"),
    "another kind of schema": (marked(mlpnas_schema="one"), "its schema's version is"),
    "a newer schema": (marked(mlpnas_schema="2"), r"written by a newer mlpnas (schema 2); update mlpnas to read it"),
    "another run's": (marked(mlpnas_run="another"), "belongs to another run (another)"),
    "a number of no digits": (marked(mlpnas_schema="9" * 5000), "its schema's version is"),
    "two columns of a name": (pa.table([[1], [1]], names=["trial", "trial"]), "has two columns 'trial'"),
    "something else": (pa.table({"image": [1]}), "has no column 'trial'"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_part_is_named_and_the_rest_is_used(tmp_path: Path, kind: str) -> None:
    run = run_of(tmp_path, 0, 1, 2, id="mine")
    bad, why = BAD[kind]
    pq.write_table(bad, place(run, 1))
    content = place(run, 1).read_bytes()
    found = Run(tmp_path)
    assert [item.trial for item in found.records] == [0, 2]
    (line,) = found.set_aside()
    assert line.startswith("trials/part-000001-000001.parquet is not used: ")
    assert why in line
    assert len(line) < 600
    found.store.compact()
    assert [item.trial for item in Run(tmp_path).records] == [0, 2]
    assert Run(tmp_path).set_aside() == [line]
    assert place(run, 1).read_bytes() == content
    assert set(found.store.curves()) == {0, 1, 2}  # its curve stays, for it may be repaired


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 half", Random(0).randbytes(500), None])
def test_what_is_no_part_is_named_and_the_rest_is_used(tmp_path: Path, content: bytes | None) -> None:
    run = run_of(tmp_path, 0, 1, 2)
    place(run, 1).unlink()
    place(run, 1).mkdir() if content is None else place(run, 1).write_bytes(content)
    found = Run(tmp_path)
    found.store.compact()
    assert [item.trial for item in Run(tmp_path).records] == [0, 2]
    (line,) = Run(tmp_path).set_aside()
    assert line.startswith(f"trials/{place(run, 1).name} is not used: {'is a folder' if content is None else 'not '}")


@pytest.mark.parametrize("name", ["trials", "epochs"])
def test_a_file_in_the_place_of_a_table_is_named(tmp_path: Path, name: str) -> None:
    run = run_of(tmp_path, 0)
    shutil.rmtree(run.path / name)
    (run.path / name).write_text("")
    found = Run(tmp_path)
    write_report(found)
    assert found.set_aside() == [f"{name} is not used: is a file where a run has a folder"]


def test_a_bad_curve_costs_no_trial(tmp_path: Path) -> None:
    run = run_of(tmp_path, 0, 1)
    place(run, 1, "epochs").write_bytes(b"PAR1 half")
    found = Run(tmp_path)
    write_report(found)
    assert [item.trial for item in found.records] == [0, 1]
    assert set(found.store.curves()) == {0}
    assert found.set_aside()[0].startswith("epochs/part-000001-000001.parquet is not used: not readable")


def test_a_wide_bad_part_hides_no_narrow_ones(tmp_path: Path) -> None:
    """A crash in a compaction leaves such parts; then one bit flips."""
    run = run_of(tmp_path, 0, 1, 2)
    narrow = {path: path.read_bytes() for path in (tmp_path / "trials").iterdir()}
    run.store.trials.compact()
    (wide,) = (tmp_path / "trials").iterdir()
    damaged = bytearray(wide.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    wide.write_bytes(bytes(damaged))
    for path in sorted(narrow)[:2]:
        path.write_bytes(narrow[path])
    store = Run(tmp_path).store
    store.append(record(3, SPEC, 0.6))
    store.compact()
    assert [item.trial for item in Run(tmp_path).records] == [0, 1, 3]
    assert wide.read_bytes() == bytes(damaged)
    assert Run(tmp_path).set_aside() == [
        f"trials/{wide.name} is not used: damaged (its bytes do not match their checksum)"
    ]


def test_many_bad_parts_neither_stop_nor_slow_the_others(tmp_path: Path) -> None:
    run = run_of(tmp_path, *range(150))
    for number in range(60, 150, 2):
        if place(run, number).exists():
            place(run, number).write_bytes(b"")
    store = Run(tmp_path).store
    bad = sum(not path.stat().st_size for path in (tmp_path / "trials").iterdir())
    store.compact()
    for number in range(150, 160):
        store.append(record(number, SPEC, 0.5))
    assert len(Run(tmp_path).records) == 160 - bad
    assert len(Run(tmp_path).set_aside()) == bad > 0


def test_a_dangling_link_ends_every_command(tmp_path: Path, mlpnas: Callable[..., tuple[int, str, str]]) -> None:
    run = run_of(tmp_path / "runs" / "quick", 0, 1)
    place(run, 1).unlink()
    place(run, 1).symlink_to(tmp_path / "nothing")
    for command in (["front", str(run.path)], ["report", str(run.path)], ["runs", str(tmp_path / "runs")]):
        code, out, err = mlpnas(*command)
        assert (code, out != "") == (0, True)
        assert "trials/part-000001-000001.parquet is not used: is a link" in err


def test_a_listed_part_that_cannot_be_opened_ends_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, read = run_of(tmp_path, 0, 1), parts.read

    def gone(path: Path, owner: str | None = None) -> pa.Table:
        if path == place(run, 1):
            raise FileNotFoundError
        return read(path, owner)

    monkeypatch.setattr(parts, "read", gone)
    assert [item.trial for item in run.records] == [0]
    assert run.set_aside() == [f"trials/{place(run, 1).name} is not used: is listed, but cannot be read"]


def test_one_bad_run_hides_no_other(tmp_path: Path, mlpnas: Callable[..., tuple[int, str, str]]) -> None:
    run_of(tmp_path / "good", 0)
    for number, text in enumerate(["{", "[]", '{"name": 5}', "\xff", '{"name": "x", "objectives": {"top1": 5}}']):
        (tmp_path / f"bad{number}").mkdir()
        (tmp_path / f"bad{number}" / "run.json").write_text(text, encoding="latin-1")
    pq.write_table(table(trial="one"), place(run_of(tmp_path / "part", 0), 0))
    code, out, err = mlpnas("runs", str(tmp_path))
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert set(lines) == {"name", "good", "part", *(f"bad{number}" for number in range(5))}
    assert all("run.json: not a run's manifest" in lines[f"bad{number}"] for number in range(5))
    assert "50.0 % top-1" in lines["good"]
    assert "note: part: trials/part-000000-000000.parquet is not used: column 'trial'" in err


@pytest.mark.parametrize("numbers", [[999_998, 999_999, 1_000_000, 1_000_001], [10**14, 10**14 + 1]])
def test_parts_beyond_a_million_are_read_in_order(tmp_path: Path, numbers: list[int]) -> None:
    run = run_of(tmp_path)
    run.store.trials._next = numbers[0]
    for trial, _ in enumerate(numbers):
        run.store.append(record(trial, SPEC, 0.5))
    assert [item.trial for item in Run(tmp_path).store.history()] == list(range(len(numbers)))
    Run(tmp_path).store.compact()
    assert [path.name for path in (tmp_path / "trials").iterdir()] == [part_name(numbers[0], numbers[-1])]
    store = Run(tmp_path).store
    store.append(record(9, SPEC, 0.5))
    assert [item.trial for item in Run(tmp_path).records] == [*range(len(numbers)), 9]


def test_no_part_is_written_that_would_not_be_read(tmp_path: Path) -> None:
    run = run_of(tmp_path, 0)
    place(run, 0).rename(place(run, LAST_PART))
    with pytest.raises(RunError, match="no number is left after that of its last part"):
        Run(tmp_path).store.append(record(1, SPEC, 0.5))
    assert [item.trial for item in Run(tmp_path).records] == [0]


@pytest.mark.parametrize(
    "name", ["part-1-1.parquet", "part-000002-000001.parquet", "part-x.parquet", f"part-{'9' * 99}"]
)
def test_what_looks_like_a_part_is_not_passed_over_in_silence(tmp_path: Path, name: str) -> None:
    run = run_of(tmp_path, 0)
    place(run, 0).rename(run.path / "trials" / f"{name}.parquet")
    assert Run(tmp_path).set_aside() == [f"trials/{name}.parquet is not used: its name is not part-FIRST-LAST.parquet"]


def test_parts_of_another_run_replace_no_trials(tmp_path: Path) -> None:
    mine, other = run_of(tmp_path / "a", 0, 1, id="aaaa"), run_of(tmp_path / "b", 0, 1, 2, id="bbbb")
    for number in (1, 2):
        place(mine, number).write_bytes(place(other, number).read_bytes())
    assert [item.trial for item in Run(mine.path).records] == [0]
    assert all("belongs to another run (bbbb)" in line for line in Run(mine.path).set_aside())
    earlier = run_of(tmp_path / "c", 0)
    place(mine, 1).write_bytes(place(earlier, 0).read_bytes())  # says of no run that it is its part
    assert len(Run(mine.path).history) == 2
