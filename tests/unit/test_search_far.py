"""Searches whose run is remote."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mlpnas.cli import application
from mlpnas.engine.run_folder import lease as lease_module
from mlpnas.engine.run_folder import publish
from mlpnas.engine.run_folder.lease import LASTS, Lease
from mlpnas.engine.search import search
from mlpnas.errors import RunError
from mlpnas.exporters import export
from mlpnas.mirror import Mirror
from mlpnas.report import write_report
from mlpnas.run import Run
from tests.support.far import FAST, Place, held


class Events(list[dict[str, Any]]):
    """A listener that calls `at` with the count of trials that have ended."""

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
    """The sudden end of a process."""


def _killed() -> None:
    raise Killed


@pytest.fixture
def killed_search(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Run a search of three trials that ends after two, and leaves its lease."""
    with monkeypatch.context() as patch:
        patch.setattr(publish.Publisher, "flush", lambda publisher: None)
        patch.setattr(Lease, "end", lambda lease: lease._ended.set())
        with pytest.raises(Killed):
            search("quick", "500kMACs", trials=3, run=place.uri, listener=Events(2, _killed), **FAST)
    held(place, "process 1 on elsewhere", LASTS + 1)
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


def test_a_silent_place_is_reported_once_and_catches_up_later(place: Place) -> None:
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
    events = Events(1, lambda: held(place, "process 1 on elsewhere", 0.0))
    with pytest.raises(RunError, match="process 1 on elsewhere has taken this run over"):
        search("quick", "500kMACs", trials=3, run=place.uri, listener=events, **FAST)
    assert place.trials() == [0]
    assert ".lease.json" in place.files()  # it is the other's
