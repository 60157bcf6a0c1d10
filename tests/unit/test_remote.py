"""Runs that are kept elsewhere: files by URI, the copy here, the lease, and searches through them."""

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mlpnas import remote
from mlpnas.cli import application
from mlpnas.engine import lease as lease_module
from mlpnas.engine import publish
from mlpnas.engine.lease import LASTS, Lease, leased
from mlpnas.engine.search import search
from mlpnas.errors import MlpnasError, RunError, Unreachable
from mlpnas.evaluators import proxy_training
from mlpnas.exporters import export
from mlpnas.mirror import Mirror
from mlpnas.record import EpochRow, Record
from mlpnas.report import write_report
from mlpnas.run import Manifest, Run
from mlpnas.store import Store
from mlpnas.training.recipe import Recipe

FAST = {"data": "digits", "backend": "local", "recipe": Recipe(epochs=1, samples=100, warmup_epochs=0)}


class Place:
    """A folder that stands for one far away.

    Attributes:
        answers: whether it can be written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.uri, self.answers = folder, folder.as_uri(), True

    def files(self) -> list[str]:
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.folder).as_posix() for path in paths)

    def trials(self) -> list[int]:
        return [record.trial for record in Store(self.folder).history()]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Where a run is kept; nobody waits for anything."""
    place, write = Place(tmp_path / "far" / "tiny"), remote.write_bytes

    def write_if_it_answers(target: str | Path, content: bytes) -> None:
        if remote.is_remote(target) and not place.answers:
            raise OSError("no route to host")
        write(target, content)

    monkeypatch.setattr(remote, "write_bytes", write_if_it_answers)
    monkeypatch.setattr(lease_module, "_PAUSE", 0.0)
    monkeypatch.setattr(publish, "_AT_THE_END", (0.0, 0.0))
    monkeypatch.setattr(publish, "_PAUSE", 0.0)
    monkeypatch.setattr(remote, "_PATIENCE", 0.0)
    monkeypatch.setattr(proxy_training, "_LOOKS_FOR_ROOM", 0.0)
    return place


def _record(trial: int) -> Record:
    return Record(trial, f"key{trial}", "{}", {}, "done", values={"top1": 0.5, "macs": 1e6})


def _append(mirror: Mirror, *trials: int) -> Store:
    store = Store(mirror.folder)
    for trial in trials:
        store.append(_record(trial), [EpochRow(trial, 1, 1.0, 1.0, 0.5, 0.1, 1e-3)])
    return store


def _begun(place: Place) -> Mirror:
    """A run with the trials 0 and 1, kept there."""
    mirror = Mirror.at(place.uri, "search")
    mirror.pull()
    Manifest("tiny", objectives={"top1": "maximize"}).write(mirror.folder)
    _append(mirror, 0, 1)
    mirror.push()
    return mirror


@pytest.mark.parametrize("is_uri", [True, False])
def test_a_file_by_path_or_uri(tmp_path: Path, is_uri: bool) -> None:
    file = tmp_path / "new folder" / "3.bin"
    target: str | Path = file.as_uri() if is_uri else file
    with pytest.raises(FileNotFoundError):
        remote.read_bytes(target)
    for content in (b"first", b""):
        remote.write_bytes(target, content)
        assert remote.read_bytes(target) == content == file.read_bytes()
    remote.delete(target)
    remote.delete(target)
    assert not list(file.parent.iterdir())


def test_names_are_joined_before_the_options_of_a_uri() -> None:
    run = "s3://bucket/run/?endpoint_override=localhost:9000&scheme=http"
    file = remote.join(run, "weights", "3.safetensors")
    assert file == "s3://bucket/run/weights/3.safetensors?endpoint_override=localhost:9000&scheme=http"
    assert remote.file_name(file) == remote.file_name("weights/3.safetensors") == "3.safetensors"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("s3://b/run", True), ("file:///run", True), ("run", False), ("runs/a:3", False), (Path("s3://b/run"), False)],
)
def test_what_is_a_uri(text: object, expected: bool) -> None:
    assert remote.is_remote(text) is expected


class _Hdfs:
    """A filesystem that moves nothing onto a file."""

    type_name = "hdfs"

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def move(self, source: str, target: str) -> None:
        if Path(target).exists():
            raise OSError("there is such a file")
        self.inner.move(source, target)


def test_where_files_are_written_piece_by_piece_they_are_moved_to_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner, _ = remote.filesystem(tmp_path.as_uri())
    monkeypatch.setattr(remote, "filesystem", lambda uri: (_Hdfs(inner), str(tmp_path)))
    for content in (b"first", b"second"):
        remote.write_bytes("hdfs://host/3.bin", content)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"3.bin": content}


def test_only_what_is_new_is_sent(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror, sent = _begun(place), []
    write = remote.write_bytes
    monkeypatch.setattr(remote, "write_bytes", lambda target, content: (sent.append(target), write(target, content)))
    _append(mirror, 2)
    mirror.push()
    mirror.push()
    part = "part-000002-000002.parquet"
    assert [name for name in sent if remote.is_remote(name)] == [
        f"{place.uri}/epochs/{part}",
        f"{place.uri}/trials/{part}",
    ]


def test_a_wider_part_arrives_before_those_it_covers_go(place: Place) -> None:
    mirror = _begun(place)
    Store(mirror.folder).compact()
    assert [Path(name).name for name in mirror.changes() if name.startswith("trials")] == [
        "part-000000-000001.parquet",
        "part-000000-000000.parquet",
        "part-000001-000001.parquet",
    ]
    mirror.push()
    assert place.files() == ["epochs/part-000000-000001.parquet", "run.json", "trials/part-000000-000001.parquet"]


@pytest.mark.parametrize("writes", range(5))
def test_a_push_that_breaks_off_loses_and_repeats_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    mirror, left = _begun(place), [writes]
    _append(mirror, 2).compact()
    change = remote.write_bytes, remote.delete

    def broken(number: int) -> Any:
        def call(target: str | Path, *content: bytes) -> None:
            if remote.is_remote(target):
                left[0] -= 1
                if left[0] < 0:
                    raise OSError("connection reset")
            change[number](target, *content)

        return call

    monkeypatch.setattr(remote, "write_bytes", broken(0))
    monkeypatch.setattr(remote, "delete", broken(1))
    memory = (mirror.folder / ".mirror.json").read_bytes()
    with pytest.raises(OSError, match="reset"):
        mirror.push()
    monkeypatch.setattr(remote, "write_bytes", change[0])
    monkeypatch.setattr(remote, "delete", change[1])
    assert place.trials() in ([0, 1], [0, 1, 2])
    (mirror.folder / ".mirror.json").write_bytes(memory)  # as a kill leaves it
    again = Mirror.at(place.uri, "search")
    assert again.reconcile() is None
    again.push()
    assert place.trials() == [0, 1, 2] == [record.trial for record in Store(again.folder).history()]
    assert len(place.files()) == 3


def test_what_did_not_arrive_is_set_aside_where_another_search_went_on(place: Place) -> None:
    mirror = _begun(place)
    _append(mirror, 2)
    other = Mirror.at(place.uri, "other")
    other.pull()
    Store(other.folder).append(replace(_record(2), key="another"))
    _append(other, 3)
    other.push()
    aside = Mirror.at(place.uri, "search").reconcile()
    assert aside
    assert [record.trial for record in Store(aside).history()] == [0, 1, 2]
    assert [record.trial for record in Store(mirror.folder).history()] == [0, 1, 2, 3]


def test_a_reader_follows_what_stands_there(place: Place) -> None:
    mirror = _begun(place)
    assert len(Run(place.uri).records) == 2
    _append(mirror, 2).compact()
    mirror.push()
    assert len(Run(place.uri).records) == 3
    shutil.rmtree(Run(place.uri).path)
    assert len(Run(place.uri).records) == 3


def test_a_report_that_cannot_be_sent_is_kept_here(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    _begun(place)
    monkeypatch.setattr("mlpnas.report.page", lambda run: run.place)

    def refuse(*_: object) -> None:
        raise PermissionError("access denied")

    monkeypatch.setattr("mlpnas.report.write_bytes", refuse)
    run = Run(place.uri)
    with pytest.raises(RunError, match=r"access denied\); the report is in"):
        write_report(run)
    assert (run.path / "report.html").read_text() == place.uri


def test_a_worker_tries_for_a_while(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.answers = False
    monkeypatch.setattr(remote, "_PATIENCE", 60.0)
    monkeypatch.setattr(remote, "monotonic", iter(range(0, 100, 20)).__next__)
    steps = proxy_training.until_written(f"{place.uri}/weights/0.safetensors", b"weights")
    told = []
    with pytest.raises(OSError, match="no route to host"):
        told.extend(steps)
    assert len(told) == 2


def test_a_second_search_is_refused_and_the_holder_named(place: Place) -> None:
    named = f"process {os.getpid()} on {socket.gethostname()} is searching here"
    with leased(place.uri), pytest.raises(RunError, match=named), leased(place.uri):
        pass
    with leased(place.uri):
        assert place.files() == [".lease.json"]
    assert not place.files()


def _held(place: Place, holder: str, age: float) -> None:
    held = {"holder": holder, "token": "another", "renewed": lease_module.time() - age}
    remote.write_bytes(f"{place.uri}/.lease.json", json.dumps(held).encode())


@pytest.mark.parametrize(("age", "is_free"), [(LASTS + 1, True), (LASTS - 60, False)])
def test_a_lease_runs_out(place: Place, age: float, is_free: bool) -> None:
    _held(place, "process 1 on elsewhere", age)
    if is_free:
        with leased(place.uri):
            pass
    else:
        with pytest.raises(RunError, match="process 1 on elsewhere is searching"):
            Lease(place.uri)


def test_a_lease_of_a_process_of_this_machine_that_is_gone_holds_nothing(place: Place) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    _held(place, f"process {gone.pid} on {socket.gethostname()}", 1.0)
    with leased(place.uri):
        pass


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"holder": 1}'])
def test_a_damaged_lease_holds_nothing(place: Place, damaged: bytes) -> None:
    remote.write_bytes(f"{place.uri}/.lease.json", damaged)
    with leased(place.uri):
        pass


def test_a_lease_is_renewed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "_SURE", -1.0)
    with leased(place.uri) as lease:
        (place.folder / ".lease.json").unlink()
        lease.check()
        assert place.files() == [".lease.json"]


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("foo://bucket/run", "Unrecognized filesystem type"),
        ("s3://bucket/run?colour=red", "colour"),
        ("file:///proc/no/such/place", "cannot be used"),
    ],
)
def test_a_place_that_cannot_be_used_is_one_message_before_anything_starts(place: Place, uri: str, told: str) -> None:
    with pytest.raises(MlpnasError, match=told):
        search("quick", "500kMACs", trials=1, run=uri, **FAST)
    assert CliRunner().invoke(application(), ["front", uri]).exit_code != 0


def test_other_files_are_no_run(place: Place) -> None:
    remote.write_bytes(f"{place.uri}/weights/0.safetensors", b"another's")
    with pytest.raises(RunError, match="is not empty and no run"):
        search("quick", "500kMACs", trials=1, run=place.uri, **FAST)
    assert place.files() == ["weights/0.safetensors"]


def test_the_runs_folder_may_be_elsewhere(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    _begun(place)
    monkeypatch.setenv("MLPNAS_RUNS", place.folder.parent.as_uri())
    assert Run("tiny").place == place.uri
    told = CliRunner().invoke(application(), ["runs", "--json"])
    assert [(row["name"], row["trials"]) for row in json.loads(told.output)] == [("tiny", 2)]
    with pytest.raises(RunError, match="give the new run there a name"):
        search("quick", "500kMACs", trials=1, **FAST)


class Events(list[dict[str, Any]]):
    """A listener; `at` does something when the count of trials is reached."""

    def __init__(self, at: int = 0, do: Any = None) -> None:
        super().__init__()
        self.at, self.do = at, do

    def __call__(self, event: Any) -> None:
        self.append(dict(event))
        if self.do and event["event"] == "trial" and len(self.of("trial")) == self.at:
            self.do()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self if event["event"] == kind]


class Killed(BaseException):
    """A death without last words."""


def _killed() -> None:
    raise Killed


@pytest.fixture
def killed_search(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """One of three trials that dies after two, and leaves its lease."""
    with monkeypatch.context() as patch:
        patch.setattr(publish.Publisher, "insist", lambda publisher: None)
        patch.setattr(Lease, "end", lambda lease: lease._ended.set())
        with pytest.raises(Killed):
            search("quick", "500kMACs", trials=3, run=place.uri, listener=Events(2, _killed), **FAST)
    _held(place, "process 1 on elsewhere", LASTS + 1)
    return place


def test_a_search_goes_on_from_the_uri_alone(
    killed_search: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = killed_search
    assert place.trials() == [0, 1]
    shutil.rmtree(Mirror.at(place.uri, "search").folder)
    events = Events()
    run = search(run=place.uri, resume=True, listener=events)
    assert len(events.of("begin")[0]["done"]) == 2
    assert [event["run"] for event in events if "run" in event] == [place.uri] * 2 == [run.place] * 2
    assert place.trials() == [0, 1, 2]
    kept = {f"weights/{record.trial}.safetensors" for record in run.front()} | {run.best().weights}
    assert {name for name in place.files() if name.startswith("weights")} == kept
    monkeypatch.setattr("mlpnas.report.page", lambda run: run.place)
    read = Run(place.uri)
    assert write_report(read).read_bytes() == (place.folder / "report.html").read_bytes()
    model, _ = export(read, tmp_path / "model", as_proxy=True)
    assert model.is_trained
    for line in (["show", f"{place.uri}:best"], ["front", place.uri], ["compare", f"{place.uri}:0", f"{place.uri}:1"]):
        assert CliRunner().invoke(application(), line).exit_code == 0, line
    named = CliRunner().invoke(application(), ["show", place.uri])
    assert "is a run; write" in str(named.exception)
    with pytest.raises(RunError, match=f"{place.uri}: holds a run already"):
        search("quick", "500kMACs", run=place.uri, **FAST)


def test_a_place_that_does_not_answer_is_told_once_and_gets_everything_later(place: Place) -> None:
    def silence() -> None:
        place.answers = False

    events = Events(1, silence)
    with pytest.raises(RunError, match=r"cannot be reached \(no route to host\).*--resume --run file"):
        search("quick", "500kMACs", trials=3, run=place.uri, listener=events, **FAST)
    notes = [event["text"] for event in events.of("note") if "goes on here" in event["text"]]
    assert len(notes) == 1
    assert events[-1]["event"] == "end"
    assert place.trials() == [0]
    assert "weights/0.safetensors" in place.files()  # no better one has arrived
    place.answers = True
    search(run=place.uri, resume=True)
    assert place.trials() == [0, 1, 2]
    assert not Mirror.at(place.uri, "search").changes()
    weights = [record.weights for record in Run(place.uri).records]
    assert weights == ["weights/0.safetensors", "", ""]  # the results are worth more


def test_a_search_whose_run_was_taken_over_stops(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "_SURE", -1.0)
    events = Events(1, lambda: _held(place, "process 1 on elsewhere", 0.0))
    with pytest.raises(RunError, match="process 1 on elsewhere has taken this run over"):
        search("quick", "500kMACs", trials=3, run=place.uri, listener=events, **FAST)
    assert place.trials() == [0]
    assert ".lease.json" in place.files()  # it is the other's


def test_an_unreachable_place_is_an_error_of_both_kinds() -> None:
    with pytest.raises(Unreachable) as raised:
        remote.read_bytes("foo://bucket/run.json")
    assert isinstance(raised.value, OSError)
    assert isinstance(raised.value, MlpnasError)
    assert str(raised.value).startswith("foo://bucket/: cannot be used")
