"""Writes of a short search that fail, or are its last; benchmarks/faults.py tries all of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = Path(__file__).parents[2] / "benchmarks" / "faults.py"


@pytest.mark.slow
def test_a_write_that_fails_or_is_the_last_loses_nothing() -> None:
    asked = ["--searches", "resumed", "--faults", "EIO", "kill", "--every", "13"]
    environment = os.environ | {"PYTHONPATH": str(FAULTS.parents[1]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(FAULTS), *asked]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 problems" in done.stdout
