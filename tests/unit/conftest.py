"""What several of these tests need."""

from pathlib import Path

import pytest

from mlpnas import remote
from mlpnas.datasets import Dataset, load, resolve
from mlpnas.engine import lease as lease_module
from mlpnas.engine import publish
from mlpnas.evaluators import proxy_training
from tests.far import Place


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load(resolve("digits"))


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
