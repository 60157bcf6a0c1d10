"""Fixtures that several of these tests share."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlpnas import remote
from mlpnas.cli import main
from mlpnas.datasets import Dataset, load, resolve
from mlpnas.engine.run_folder import lease as lease_module
from mlpnas.engine.run_folder import publish
from mlpnas.evaluators import proxy_training
from tests.support.complete_table import QUESTIONS, rows
from tests.support.far import Place

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load(resolve("digits"))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Return the place of a remote run, without waiting."""
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


@pytest.fixture
def mlpnas(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs one command line in this process: (exit code, stdout, stderr)."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mlpnas", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        return int(stop.value.code or 0), *capfd.readouterr()

    return call


def import_benchmark(name: str) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:  # its folder is in the path for as long as it is imported
        patch.syspath_prepend(ROOT / "benchmarks")
        return importlib.import_module(name)


@pytest.fixture(scope="session")
def replays() -> ModuleType:
    """benchmarks/samplers.py"""
    return import_benchmark("samplers")


@pytest.fixture(scope="session")
def train_table() -> ModuleType:
    return import_benchmark("train_table")


@pytest.fixture(scope="session")
def table_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("table") / "table.parquet"
    pq.write_table(pa.Table.from_pylist(rows()), file)
    return file


@pytest.fixture(scope="session")
def table(replays: ModuleType, table_file: Path) -> Any:
    return replays.Table(table_file, QUESTIONS, "top1", "macs", "top1_short")
