"""Files by path or URI, and places that cannot be used."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mlpnas import remote
from mlpnas.cli import application
from mlpnas.engine.search import search
from mlpnas.errors import MlpnasError, RunError, Unreachable
from mlpnas.run import Run
from tests.support.far import FAST, Place, begun


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


def test_files_written_in_pieces_are_moved_into_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner, _ = remote.filesystem(tmp_path.as_uri())
    monkeypatch.setattr(remote, "filesystem", lambda uri: (_Hdfs(inner), str(tmp_path)))
    for content in (b"first", b"second"):
        remote.write_bytes("hdfs://host/3.bin", content)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"3.bin": content}


def test_an_unreachable_place_is_an_error_of_both_kinds() -> None:
    with pytest.raises(Unreachable) as raised:
        remote.read_bytes("foo://bucket/run.json")
    assert isinstance(raised.value, OSError)
    assert isinstance(raised.value, MlpnasError)
    assert str(raised.value).startswith("foo://bucket/: cannot be used")


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("foo://bucket/run", "Unrecognized filesystem type"),
        ("s3://bucket/run?colour=red", "colour"),
        ("file:///proc/no/such/place", "cannot be used"),
    ],
)
def test_an_unusable_place_is_one_message_before_the_start(place: Place, uri: str, told: str) -> None:
    with pytest.raises(MlpnasError, match=told):
        search("quick", "500kMACs", trials=1, run=uri, **FAST)
    assert CliRunner().invoke(application(), ["front", uri]).exit_code != 0


def test_other_files_are_no_run(place: Place) -> None:
    remote.write_bytes(f"{place.uri}/weights/0.safetensors", b"another's")
    with pytest.raises(RunError, match="is not empty and no run"):
        search("quick", "500kMACs", trials=1, run=place.uri, **FAST)
    assert place.files() == ["weights/0.safetensors"]


def test_the_runs_folder_may_be_elsewhere(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(place)
    monkeypatch.setenv("MLPNAS_RUNS", place.folder.parent.as_uri())
    assert Run("tiny").place == place.uri
    told = CliRunner().invoke(application(), ["runs", "--json"])
    assert [(row["name"], row["trials"]) for row in json.loads(told.output)] == [("tiny", 2)]
    with pytest.raises(RunError, match="give the new run there a name"):
        search("quick", "500kMACs", trials=1, **FAST)
