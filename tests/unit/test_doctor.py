"""The doctor: every finding has a remedy unless all is well, and a problem is the exit code."""

import json
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mlpnas.cli import application
from mlpnas.engine import checkup, devices
from mlpnas.engine.checkup import Finding, findings

Usage = namedtuple("Usage", "total used free")


def _found(name: str) -> Finding:
    return next(finding for finding in findings(with_ray=False) if finding.name == name)


def _doctor(*arguments: str) -> Any:
    return CliRunner().invoke(application(), ["doctor", "--no-ray", *arguments])


def test_all_is_well_enough_here() -> None:
    found = list(findings(with_ray=False))
    assert {"python", "torch", "ray", "cores", "memory", "runs", "cache", "Ray's files", "digits"} <= {
        finding.name for finding in found
    }
    assert not [finding for finding in found if finding.state == "problem"]
    assert all(bool(finding.remedy) == (finding.state != "ok") for finding in found)


def test_json_is_one_list_and_exit_code_0() -> None:
    result = _doctor("--json")
    assert result.exit_code == 0
    assert {"name": "digits", "state": "ok", "text": "1,797 images, 10 classes", "remedy": ""} in json.loads(
        result.stdout
    )


@pytest.mark.parametrize(("free", "state"), [(2**40, "ok"), (2**30, "warning"), (2**20, "problem")])
def test_free_disk(free: int, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**41, 2**41 - free, free))
    assert _found("runs").state == state


def test_a_problem_is_exit_code_1_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "_lowest_versions", lambda: {"torch": ">=99.1"})
    result = _doctor()
    assert result.exit_code == 1
    assert "PROBLEM torch" in result.stdout
    assert ">=99.1 is needed" in result.stdout
    assert "pip install --upgrade torch" in result.stdout


def test_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "_is_installed", lambda name: name != "timm")
    assert _found("timm") == Finding("timm", "problem", "is not installed", "pip install 'timm>=1.0.20'")


def test_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLPNAS_CACHE", str(tmp_path / "file" / "cache"))
    found = _found("cache")
    assert found.state == "problem"
    assert "MLPNAS_CACHE" in found.remedy


def test_a_gpu_that_torch_does_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(checkup, "_nvidia_driver", lambda: "550.54")
    assert _found("gpu").state == "problem"


def test_ray_that_does_not_start_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no room in /tmp")

    monkeypatch.setattr(checkup, "search", fail)
    found = checkup._ray()
    assert (found.state, found.text) == ("problem", "OSError: no room in /tmp")
    assert "--backend local" in found.remedy


@pytest.mark.parametrize(
    ("files", "cores", "memory"),
    [
        ({"cpu.max": "150000 100000", "memory.max": "1073741824"}, 2, 2**30),
        ({"cpu.max": "max 100000", "memory.max": "max"}, 8, None),
        ({"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, 1, None),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8, None),
        ({}, 8, None),
    ],
)
def test_a_container_may_use_less_than_there_is(
    files: dict[str, str], cores: int, memory: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    monkeypatch.setattr(devices, "_GROUPS", tmp_path)
    monkeypatch.setattr(devices.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert devices.cores() == cores
    assert devices.memory() == (memory or devices.os.sysconf("SC_PAGE_SIZE") * devices.os.sysconf("SC_PHYS_PAGES"))
