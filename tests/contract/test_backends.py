"""Every backend runs jobs that are no search, and says what it needs before it is asked for."""

import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import ClassVar

import pytest

from mlpnas.datasets import resolve
from mlpnas.engine.backends import Backend
from mlpnas.engine.backends.local import Local
from mlpnas.engine.jobs import Placement
from mlpnas.engine.planning import placement
from mlpnas.errors import RunError
from mlpnas.job import Job
from mlpnas.plugins import find, names
from mlpnas.search_options import SearchOptions
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.training.recipe import Recipe
from tests.support.plugged_in import plugged_in
from tests.support.scripted_jobs import ScriptedJobs

SPEC = ArchSpec((Stage(16, 1, Layer("token_mlp"), 2),), Stem(2), 8)
RECIPE = Recipe(epochs=2, samples=64, batch_size=32, warmup_epochs=0)
PLACES = [
    pytest.param(name, scheduler, marks=[pytest.mark.ray] if name == "ray" else [], id=f"{name} {scheduler}".strip())
    for name in names("backends")
    for scheduler in find("backends", name).schedulers
]


def _job(trial: int, spec: ArchSpec = SPEC, epochs: int = 2) -> Job:
    return Job(trial, spec.dumps(), replace(RECIPE, epochs=epochs).to_json(), resolve("digits").to_json())


@pytest.mark.parametrize(("name", "scheduler"), PLACES)
def test_jobs_that_are_no_search_run(name: str, scheduler: str) -> None:
    backend: type[Backend] = find("backends", name)
    if any(find_spec(package) is None for package in backend.packages):
        pytest.skip("its packages are not installed")
    impossible = replace(SPEC, stem=Stem(3))  # does not divide the input
    hangs = (3,) if backend.ends_hung_workers else ()
    jobs = ScriptedJobs([_job(0), _job(1, impossible), _job(2), *(_job(trial, epochs=10**6) for trial in hangs)], hangs)
    made = backend(Placement(workers=2, scheduler=scheduler))
    with made.ready():
        made.run(jobs)
    assert {trial: outcome.status for trial, outcome in jobs.outcomes.items()} == {
        0: "done",
        1: "failed",
        2: "done",
        **dict.fromkeys(hangs, "failed"),
    }
    steps = Counter(jobs.log)
    for trial in (0, 2):
        assert [steps[trial, step] for step in ("begin", "epoch", "finish")] == [1, 2, 1]
        assert 0 < jobs.outcomes[trial].values["top1"] <= 1
    assert [jobs.outcomes[trial].error for trial in hangs] == ["it hung"] * len(hangs)
    assert jobs.most_at_once == (2 if backend.is_parallel else 1)


def test_a_backend_is_known_before_its_packages_load() -> None:
    code = "import sys; from mlpnas.plugins import find, names; [find('backends', n) for n in names('backends')]"
    check = "assert not {'ray', 'optuna'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", f"{code}; {check}"], check=True, timeout=60)


class Slurm(Local):
    """A backend as another package would add it."""

    packages: ClassVar[Mapping[str, str]] = {"no_such_module": "slurm[all]"}
    is_parallel = True


def test_another_package_may_add_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Slurm, "packages", {})
    options = SearchOptions(backend="slurm", workers=4)
    with plugged_in("backends", {"slurm": Slurm}), placement.machines(options) as machines:
        placement.check(options)
        assert placement.trials_at_once(options, machines.nodes, share=0.0) == 4


def test_a_backend_without_its_packages_is_refused() -> None:
    told = r"--backend slurm needs the package no_such_module: pip install 'slurm\[all\]'"
    with plugged_in("backends", {"slurm": Slurm}), pytest.raises(RunError, match=told):
        placement.check(SearchOptions(backend="slurm"))
