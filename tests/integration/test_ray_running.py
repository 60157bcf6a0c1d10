"""A search in a process where Ray runs already: it uses that Ray, and leaves it running."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray")

CODE = """
import sys
from pathlib import Path

import ray

import mlpnas
from mlpnas.engine.backends import ray as ray_backend

ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
if sys.argv[2] == "tune":
    ray_backend._POOL_BELOW = 0
recipe = mlpnas.Recipe(epochs=1, samples=100, warmup_epochs=0)
run = mlpnas.search("quick", "500kMACs", trials=2, data="digits", recipe=recipe, run=Path(sys.argv[1]))
assert run.manifest.decided.scheduler == sys.argv[2], run.manifest.decided.scheduler
assert run.manifest.decided.workers == 1, run.manifest.decided.workers
assert [record.status for record in run.records] == ["done"] * 2, [record.error for record in run.records]
assert ray.is_initialized()
assert ray.get(ray.remote(num_cpus=1)(lambda: 7).remote(), timeout=60) == 7, "its only core is free again"
"""


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.parametrize("scheduler", ["pool", "tune"])
def test_ray_is_used_and_left_running(tmp_path: Path, scheduler: str) -> None:
    command = [sys.executable, "-c", CODE, str(tmp_path / "run"), scheduler]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
