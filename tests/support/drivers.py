"""A driver without workers, whose jobs end as a test says."""

from pathlib import Path
from typing import Any

from mlpnas.engine.driver import Driver
from mlpnas.job import Job, Outcome
from mlpnas.run import Run
from mlpnas.space import SearchSpace
from mlpnas.spec import ArchSpec
from tests.support.epochs import epoch_row
from tests.support.manifests import manifest

TINY = """\
version: 1
name: tiny
input: {size: 28, channels: 1, classes: 10}
stem: {patch: 7}
width: {choose: [16, 24]}
stages: {count: 1, each: {depth: {choose: [1, 2]}, mixer: {choose: [token_linear, gmlp]}}}
"""


def new_driver(folder: Path, text: str = TINY, **changes: Any) -> tuple[Driver, list[dict[str, Any]]]:
    settings: dict[str, Any] = {
        "sampler": "random",
        "trials": 100,
        "objectives": {"top1": "maximize", "macs": "minimize"},
        "reference": {"top1": 0.0, "macs": 1e6},
        "recipe": {"epochs": 1},
    }
    if not (folder / "run.json").exists():
        manifest("tiny", **(settings | changes)).write(folder)
    events: list[dict[str, Any]] = []
    return Driver(Run(folder), SearchSpace(text), lambda event: events.append(dict(event))), events


def end(driver: Driver, job: Job, status: str = "done", **values: float) -> None:
    driver.report(job.trial, epoch_row(job.trial, 1))
    Path(job.weights).parent.mkdir(exist_ok=True)
    Path(job.weights).touch()
    outcome = {"top1": 0.5} | values if status == "done" else values
    driver.finish(job.trial, Outcome(status, outcome, 1, 0.1, "cpu", weights=job.weights if status == "done" else ""))


def end_all(driver: Driver) -> list[str]:
    keys = []
    while (job := driver.next_job()) is not None:
        keys.append(ArchSpec.loads(job.spec).key)
        end(driver, job, top1=0.5 + len(keys) / 100)
    return keys
