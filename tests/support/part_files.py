"""Runs whose trials stand in a part each, and parts as anybody may write them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlpnas.run import Run
from mlpnas.run_files import part_name
from tests.support import fake_runs
from tests.support.fake_runs import ArchSpec, Layer, Stage, Stem, record

SPEC = ArchSpec((Stage(16, 1, Layer("token_linear")),), Stem(7), 28, 1, 10)
ROW = {"trial": 1, "key": "k", "spec": SPEC.dumps(), "answers": "{}", "status": "done", "top1": 0.5, "macs": 1e6}


def run_of(folder: Path, *numbers: int, **changes: Any) -> Run:
    """Return a run with a part for each of these trials."""
    run = fake_runs.write(folder, manifest=replace(fake_runs.QUICK, **changes))
    for number in numbers:
        run.store.append(record(number, SPEC, 0.5 + number / 100), fake_runs.curve(number, 0.5))
    return run


def place(run: Run, number: int, kind: str = "trials") -> Path:
    return run.path / kind / part_name(number, number)


def table(**changes: Any) -> pa.Table:
    return pa.table(
        {name: value if isinstance(value, pa.Array) else [value] for name, value in {**ROW, **changes}.items()}
    )
