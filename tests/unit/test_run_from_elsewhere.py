"""A run that comes from anybody: nothing outside its copy is written, deleted or sent, and the bad name is told."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.fs as fs
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpnas import cache, columns, remote, run_files
from mlpnas.engine.run_folder import weights
from mlpnas.errors import RunError
from mlpnas.mirror import Mirror
from mlpnas.report import write_report
from mlpnas.run import Run, place_of
from mlpnas.store import Store
from tests.support import fake_runs
from tests.support.far import Place, begun

SPEC = fake_runs.ArchSpec((fake_runs.Stage(16, 1, fake_runs.Layer("token_linear")),), fake_runs.Stem(7), 28, 1, 10)
LEAD_OUT = [
    "../../secret",
    "/home/x/secret",
    "weights/../../secret.safetensors",
    "weights/3.safetensors/",
    "..",
    "weights",
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("MLPNAS_CACHE", str(tmp_path / "cache"))
    return Place(tmp_path / "far" / "run")


def written(folder: Path, *names: str) -> Path:
    """Return a run whose trials name such weights, in a part each."""
    run = fake_runs.write(folder)
    for number, name in enumerate(names):
        run.store.append(fake_runs.record(number, SPEC, 0.5 + number / 100))
        file = folder / "trials" / run_files.part_name(number, number)
        rows = [{**row, "weights": name} for row in pq.read_table(file).to_pylist()]
        pq.write_table(pa.Table.from_pylist(rows), file)  # as anybody writes it, without checksum
    return folder


@pytest.mark.parametrize("name", LEAD_OUT)
@pytest.mark.parametrize("is_far", [False, True])
def test_weights_outside_of_the_run_are_not_touched(
    tmp_path: Path, place: Place, mlpnas: Callable[..., tuple[int, str, str]], name: str, is_far: bool
) -> None:
    secret = tmp_path / "home" / "x" / "secret"
    secret.parent.mkdir(parents=True)
    secret.write_bytes(b"mine")
    name = name.replace("/home", f"{tmp_path}/home")
    written(place.folder, name)
    code, out, err = mlpnas("export", place.uri if is_far else str(place.folder), "--to", str(tmp_path / "model"))
    assert (code, out) == (2, "")
    assert "trials/part-000000-000000.parquet is not used: column 'weights' holds" in err
    assert name[:150] in err
    assert "Traceback" not in err
    assert secret.read_bytes() == b"mine"
    assert not (tmp_path / "model").exists()


def test_the_other_trials_of_such_a_run_are_used(place: Place) -> None:
    run = Run(written(place.folder, "", "../x", ""))
    assert [record.trial for record in run.records] == [0, 2]
    assert len(run.set_aside()) == 1


@pytest.mark.parametrize("name", LEAD_OUT)
def test_no_file_of_such_a_name_is_fetched(place: Place, name: str) -> None:
    mirror = begun(place)
    with pytest.raises(RunError, match="which no run has"):
        mirror.fetch(name)
    with pytest.raises(RunError, match="which no run has"):
        Run(place.folder).file(name)


class Listing:
    """A file system that lists what it is told to, and has every file of it."""

    type_name = "s3"

    def __init__(self, names: list[str]) -> None:
        self.names, self.content = names, b"not yours"

    def get_file_info(self, asked: Any) -> Any:
        info = partial_info
        return [info(name) for name in self.names] if isinstance(asked, fs.FileSelector) else info(asked)

    def open_input_stream(self, path: str, compression: object = None) -> pa.PythonFile:
        return pa.BufferReader(self.content)


def partial_info(path: str) -> SimpleNamespace:
    return SimpleNamespace(path=path, is_file=True, size=9, mtime_ns=1, base_name=path.rpartition("/")[2])


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch, place: Place) -> Callable[..., Listing]:
    def here(*names: str) -> Listing:
        found = Listing([f"bucket/run/{name}" for name in names])
        monkeypatch.setattr(remote, "_filesystem", lambda uri: (found, uri.partition("://")[2]))
        return found

    return here


@pytest.mark.parametrize(
    "name",
    [
        "trials/../../../../../escaped.txt",
        "../escaped.txt",
        "trials//escaped.txt",
        "./escaped.txt",
        "trials/..",
        "trials/a\\..\\escaped.txt",
        "trials/esc\x1b[2Japed.txt",
    ],
)
def test_a_listing_that_leads_out_is_refused_with_the_name(
    tmp_path: Path, listed: Callable[..., Listing], name: str
) -> None:
    listed("run.json", name)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RunError, match=r"s3://bucket/run: holds a file .*escaped|holds a file 'trials/\.\.'|aped"):
        Run("s3://bucket/run")
    new = [path for path in tmp_path.rglob("*") if path not in before and path.is_file()]
    assert new == []
    assert not list(tmp_path.parent.rglob("escaped*"))


def test_a_listing_of_another_place_is_refused(listed: Callable[..., Listing]) -> None:
    listed("run.json").names.append("other/run.json")
    with pytest.raises(RunError, match=r"lists 'other/run\.json', which lies elsewhere"):
        Run("s3://bucket/run")


def test_files_that_are_none_of_a_run_are_left_where_they_are(listed: Callable[..., Listing], tmp_path: Path) -> None:
    listed("notes.txt", "trials/_SUCCESS", "trials/part-1-1.parquet", "trials/sub/part-000000-000000.parquet", ".x")
    with pytest.raises(RunError, match=r"no run here \(no run\.json\)"):
        Run("s3://bucket/run")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [".mirror.json"]


@settings(max_examples=200)
@given(st.text(st.sampled_from("./\\ab0\n"), max_size=12) | st.text(max_size=12))
def test_no_name_leads_out_of_a_run(name: str) -> None:
    folder = Path("/runs/here")
    try:
        found = run_files.check_stays(name, "x")
    except RunError:
        return
    joined = os.path.normpath(folder / found)
    assert joined.startswith("/runs/here/")
    assert run_files.is_copied(name) or run_files.trial_of(name) is None


@pytest.mark.parametrize("name", ["..", ".", "a\x1b[2J", "x" * 300, ""])
def test_the_copy_of_a_run_of_any_name_lies_in_the_cache(
    listed: Callable[..., Listing], tmp_path: Path, name: str
) -> None:
    listed()
    copy = Mirror.at(f"s3://bucket/{name}").folder
    assert copy.resolve().parent.parent == (tmp_path / "cache" / "runs").resolve()


@pytest.mark.parametrize("memory", ["{}", "[]", '{"uri": 5}', '{"files": 5}', "{", '{"uri": "URI", "files": {"x": 3}}'])
def test_a_damaged_memory_of_a_copy_is_forgotten(place: Place, memory: str) -> None:
    folder = begun(place).folder
    (folder / ".mirror.json").write_text(memory.replace("URI", place.uri))
    assert [record.trial for record in Run(place.uri).records] == [0, 1]


def test_names_in_the_memory_of_a_copy_delete_nothing_elsewhere(place: Place) -> None:
    mirror = begun(place)
    (place.folder.parent / "mine.txt").write_text("mine")
    memory = json.loads((mirror.folder / ".mirror.json").read_text())
    memory["files"] |= {"../mine.txt": [[4, 1], [4, 1]], "/etc/hosts": [[4, 1], [4, 1]]}
    (mirror.folder / ".mirror.json").write_text(json.dumps(memory))
    again = Mirror(place.uri, mirror.folder)
    assert not again.changes()
    again.push()
    assert (place.folder.parent / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("uri", ["s3://elsewhere/run", "FAR"])
def test_a_folder_that_calls_itself_a_copy_is_none(tmp_path: Path, place: Place, uri: str) -> None:
    """Its report is not sent, and the place that it names is not contacted."""
    far = Place(tmp_path / "victim")
    folder = fake_runs.quick(tmp_path / "runs" / "quick").path
    (folder / ".mirror.json").write_text(json.dumps({"uri": uri.replace("FAR", far.uri), "files": {}}))
    run = Run(folder)
    assert (run.mirror, run.place, place_of(folder)) == (None, str(folder), str(folder))
    write_report(run)
    assert not far.folder.exists()


def test_a_copy_believes_only_the_place_that_it_was_made_for(tmp_path: Path, place: Place) -> None:
    mirror = begun(place)
    assert (found := Mirror.of(mirror.folder)) is not None
    assert found.uri == place.uri
    other = Place(tmp_path / "victim").uri
    (mirror.folder / ".mirror.json").write_text(json.dumps({"uri": other, "files": {}}))
    assert Mirror.of(mirror.folder) is None
    fake_runs.write(cache.path("runs", "mine"))
    (cache.path("runs", "mine") / ".mirror.json").write_text(json.dumps({"uri": other, "files": {}}))
    assert Mirror.of(cache.path("runs", "mine")) is None


def test_credentials_of_a_copy_are_its_owners_alone(place: Place) -> None:
    mode = (begun(place).folder / ".mirror.json").stat().st_mode
    assert mode & 0o077 == 0


def test_links_in_a_run_are_not_followed(tmp_path: Path, mlpnas: Callable[..., tuple[int, str, str]]) -> None:
    secret = fake_runs.quick(tmp_path / "mine", trials=3).path
    folder = written(tmp_path / "run", "weights/0.safetensors")
    (folder / "weights").mkdir()
    (folder / "weights" / "0.safetensors").symlink_to(secret / "run.json")
    (folder / "trials" / "part-000001-000001.parquet").symlink_to(secret / "trials" / "part-000000-000002.parquet")
    run = Run(folder)
    assert [record.trial for record in run.records] == [0]
    assert run.set_aside() == ["trials/part-000001-000001.parquet is not used: is a link, which is not followed"]
    code, _, err = mlpnas("export", str(folder), "--to", str(tmp_path / "model"))
    assert code == 2
    assert "0.safetensors: is a link, which is not followed" in err


@pytest.mark.parametrize("name", run_files.FOLDERS)
def test_a_search_deletes_nothing_behind_a_link(tmp_path: Path, name: str) -> None:
    mine = fake_runs.quick(tmp_path / "mine", trials=3).path
    (mine / "weights").mkdir()
    (mine / "checkpoints").mkdir()
    (mine / "weights" / "7.safetensors").write_bytes(b"mine")
    before = {path: path.read_bytes() for path in mine.rglob("*") if path.is_file()}
    folder = fake_runs.write(tmp_path / "run").path
    (folder / name).symlink_to(mine / name)
    with pytest.raises(RunError, match=f"{name}: is a link"):
        run_files.check_folders(folder)
    with pytest.raises(RunError, match=f"{name}: is a link"):
        Store(folder).compact()
    weights.prune(Run(folder), (), ())
    assert {path: path.read_bytes() for path in mine.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["run.json", "trials/part-000000-000000.parquet"])
def test_a_fifo_is_waited_for_by_nobody(tmp_path: Path, name: str) -> None:
    folder = written(tmp_path / "run", "")
    (folder / name).unlink()
    os.mkfifo(folder / name)
    if name == "run.json":
        with pytest.raises(RunError, match=r"run\.json: cannot be read \(is no regular file\)"):
            Run(folder)
    else:
        assert Run(folder).set_aside() == [f"{name} is not used: is no regular file"]


def test_weights_of_trials_that_are_set_aside_are_kept(tmp_path: Path) -> None:
    names = [f"weights/{number}.safetensors" for number in range(3)]
    folder = written(tmp_path / "run", *names)
    (folder / "weights").mkdir()
    for name in [*names, "weights/3.safetensors"]:
        (folder / name).write_bytes(b"")
    (folder / "trials" / "part-000002-000002.parquet").write_bytes(b"PAR1 half")
    weights.prune(Run(folder), stops=(), running=())
    left = sorted(path.name for path in (folder / "weights").iterdir())
    assert left == [f"{number}.safetensors" for number in (1, 2, 3)]  # 1 is on the front, 2 and 3 are unknown


def test_our_own_names_are_names_of_a_run() -> None:
    record = replace(fake_runs.record(3, SPEC, 0.5), weights=weights.relative("s3://b/run/weights/3.safetensors?x=1"))
    assert run_files.check(record.weights, "x") == "weights/3.safetensors"
    assert run_files.trial_of(weights.state_name(3, 2)) == 3
    assert run_files.part_range(run_files.part_name(0, 10**7)) == (0, 10**7)
    assert columns.FIXED[0] == "trial"
