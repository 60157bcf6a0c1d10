"""A few repetitions of benchmarks/chaos.py: a disturbed search loses nothing that it finished."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes through /proc"),
]


@pytest.fixture
def chaos(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import chaos  # type: ignore[import-not-found]

    yield chaos
    for name in ("chaos", "chaos_search", "fate"):
        sys.modules.pop(name)


def _may_mount(folder: Path) -> bool:
    folder.mkdir()
    with suppress(FileNotFoundError):
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder)], capture_output=True).returncode == 0:
            subprocess.run(["umount", str(folder)], check=True)
            return True
    return False


def _may_make_control_groups() -> bool:
    import fate  # type: ignore[import-not-found]

    folder = fate._GROUPS / "fate-test"
    try:
        folder.mkdir()
        folder.rmdir()
    except OSError:
        return False
    return True


def test_a_driver_that_is_killed_and_a_disk_that_is_full(chaos: Any, tmp_path: Path) -> None:
    what = ["driver", "disk"] if _may_mount(tmp_path / "probe") else ["driver"]
    found = chaos.chaos(what, 1, tmp_path, trials=20, seconds=0.3, backend="local")
    assert (found["faults"], found["finished"]) == ({}, 20)


@pytest.mark.ray
@pytest.mark.parametrize("backend", ["pool", "tune"])
def test_workers_that_are_killed_or_hang(chaos: Any, tmp_path: Path, backend: str) -> None:
    what = ["worker", "memory", "hang"] if _may_make_control_groups() else ["worker", "hang"]
    found = chaos.chaos(what, 1, tmp_path, trials=60, seconds=0.4, backend=backend)
    assert found["faults"] == {}
    assert found["begun again"] >= len(what) - 1
    assert ["hung" in error for error in found["failed"]] == [True]
