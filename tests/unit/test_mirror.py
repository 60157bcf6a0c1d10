"""The copy here of a run that is kept elsewhere."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlpnas import remote
from mlpnas.errors import RunError
from mlpnas.evaluators import proxy_training
from mlpnas.mirror import Mirror
from mlpnas.report import write_report
from mlpnas.run import Run
from mlpnas.store import Store
from tests.support.far import Place, append, begun, record


def test_only_what_is_new_is_sent(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror, sent = begun(place), []
    write = remote.write_bytes
    monkeypatch.setattr(remote, "write_bytes", lambda target, content: (sent.append(target), write(target, content)))
    append(mirror, 2)
    mirror.push()
    mirror.push()
    part = "part-000002-000002.parquet"
    assert [name for name in sent if remote.is_remote(name)] == [
        f"{place.uri}/epochs/{part}",
        f"{place.uri}/trials/{part}",
    ]


def test_a_wider_part_arrives_before_those_it_covers_go(place: Place) -> None:
    mirror = begun(place)
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
    mirror, left = begun(place), [writes]
    append(mirror, 2).compact()
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


def test_unsent_changes_are_set_aside_if_another_search_went_on(place: Place) -> None:
    mirror = begun(place)
    append(mirror, 2)
    other = Mirror.at(place.uri, "other")
    other.pull()
    Store(other.folder).append(replace(record(2), key="another"))
    append(other, 3)
    other.push()
    aside = Mirror.at(place.uri, "search").reconcile()
    assert aside
    assert [record.trial for record in Store(aside).history()] == [0, 1, 2]
    assert [record.trial for record in Store(mirror.folder).history()] == [0, 1, 2, 3]


def test_a_reader_follows_what_stands_there(place: Place) -> None:
    mirror = begun(place)
    assert len(Run(place.uri).records) == 2
    append(mirror, 2).compact()
    mirror.push()
    assert len(Run(place.uri).records) == 3
    shutil.rmtree(Run(place.uri).path)
    assert len(Run(place.uri).records) == 3


@pytest.fixture
def listed_only(place: Place, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of files that the place lists, but does not give."""
    read, names = remote.read_bytes, list[str]()

    def give(target: str | Path) -> bytes:
        if any(str(target).endswith(name) for name in names):
            raise FileNotFoundError(target)
        return read(target)

    monkeypatch.setattr(remote, "read_bytes", give)
    return names


def test_a_file_that_cannot_be_fetched_is_named_and_left_out(place: Place, listed_only: list[str]) -> None:
    begun(place)
    listed_only.append("trials/part-000001-000001.parquet")
    for _ in range(2):
        run = Run(place.uri)
        assert [record.trial for record in run.records] == [0]
        assert run.set_aside() == [f"{listed_only[0]} is not used: is listed, but cannot be read"]
    listed_only.clear()
    assert [record.trial for record in Run(place.uri).records] == [0, 1]
    assert Run(place.uri).set_aside() == []


def test_a_run_whose_manifest_cannot_be_fetched_is_one_message(place: Place, listed_only: list[str]) -> None:
    begun(place)
    listed_only.append("run.json")
    with pytest.raises(RunError, match=r"its run\.json is listed, but cannot be fetched"):
        Run(place.uri)


def test_what_cannot_be_fetched_is_no_other_search(place: Place, listed_only: list[str]) -> None:
    """Nor is it deleted there when the search goes on."""
    begun(place)
    shutil.rmtree(Mirror.at(place.uri, "search").folder)
    listed_only.append("trials/part-000001-000001.parquet")
    mirror = Mirror.at(place.uri, "search")
    assert mirror.reconcile() is None
    run = Run(mirror.folder)
    for trial in range(5, 10):
        run.store.append(record(trial))
    run.store.compact()
    mirror = Mirror.at(place.uri, "search")
    assert mirror.reconcile() is None
    mirror.push()
    assert place.trials() == [0, 1, 5, 6, 7, 8, 9]


def test_a_report_that_cannot_be_sent_is_kept_here(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(place)
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
    steps = proxy_training.retry_writing(f"{place.uri}/weights/0.safetensors", b"weights")
    told = []
    with pytest.raises(OSError, match="no route to host"):
        told.extend(steps)
    assert len(told) == 2
