"""Every evaluator turns a job into steps, the last of which is an outcome; a job names it, with options."""

from collections.abc import Generator
from dataclasses import replace

import pytest

from mlpnas.datasets import resolve
from mlpnas.engine.backends.local import Local
from mlpnas.engine.jobs import Placement
from mlpnas.errors import OptionError, UnknownName
from mlpnas.evaluators import evaluator_of
from mlpnas.job import Job, Outcome, Step, step_from_json, step_to_json
from mlpnas.named import Named
from mlpnas.plugins import names
from mlpnas.record import STATUSES, EpochRow
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.training.recipe import Recipe
from tests.support.plugged_in import plugged_in
from tests.support.scripted_jobs import ScriptedJobs

SPEC = ArchSpec((Stage(16, 1, Layer("token_mlp"), 2),), Stem(2), 8)
RECIPE = Recipe(epochs=2, samples=64, batch_size=32, warmup_epochs=0)
JOB = Job(3, SPEC.dumps(), RECIPE.to_json(), resolve("digits").to_json())


@pytest.mark.parametrize("name", names("evaluators"))
def test_a_job_becomes_steps_with_one_outcome_at_the_end(name: str) -> None:
    job = replace(JOB, evaluator=Named(name))
    evaluator = evaluator_of(job)
    evaluator.prepare(job)
    *steps, outcome = evaluator.run(job)
    assert isinstance(outcome, Outcome)
    assert outcome.status == "done"
    assert outcome.values.keys() >= {"top1"}
    epochs = [step.epoch for step in steps if isinstance(step, EpochRow)]
    assert epochs == sorted(set(epochs))
    assert all(step_from_json(step_to_json(step)) == step for step in [*steps, outcome])


@pytest.mark.parametrize("name", names("evaluators"))
def test_a_failing_architecture_is_an_outcome(name: str) -> None:
    impossible = replace(SPEC, stem=Stem(3))  # does not divide the input
    job = replace(JOB, spec=impossible.dumps(), evaluator=Named(name))
    *_, outcome = evaluator_of(job).run(job)
    assert isinstance(outcome, Outcome)
    assert outcome.status in STATUSES
    assert outcome.error


class Constant:
    """A new evaluator, as one file would hold it: it finds the same for every architecture."""

    def __init__(self, value: float = 0.5) -> None:
        self.value = value

    def prepare(self, job: Job) -> None: ...

    def run(self, job: Job) -> Generator[Step, None, None]:
        yield Outcome("done", dict.fromkeys(job.objectives, self.value))


def test_a_new_evaluator_is_one_class_that_a_job_names() -> None:
    job = Job.loads(replace(JOB, evaluator=Named.of("constant", value=0.75)).dumps())
    jobs = ScriptedJobs([replace(job, evaluator=Named("constant")), replace(job, trial=4)])
    with plugged_in("evaluators", {"constant": Constant}):
        assert "constant" in names("evaluators")
        Local(Placement()).run(jobs)
    assert {trial: outcome.values for trial, outcome in jobs.outcomes.items()} == {3: {"top1": 0.5}, 4: {"top1": 0.75}}


def test_evaluators_and_options_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UnknownName, match="no evaluator is called 'proxy_traning' - did you mean proxy_training"):
        evaluator_of(replace(JOB, evaluator=Named("proxy_traning")))
    with pytest.raises(OptionError, match="proxy_training has no option 'epochs'"):
        evaluator_of(replace(JOB, evaluator=Named.of("proxy_training", epochs=3)))


def test_a_job_that_names_no_evaluator_has_the_default() -> None:
    older = JOB.dumps().replace(', "evaluator": "proxy_training"', "")
    assert "evaluator" not in older
    assert Job.loads(older) == JOB
