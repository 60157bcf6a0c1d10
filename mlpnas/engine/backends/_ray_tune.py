"""Ray Tune, for jobs that take more than seconds.

It schedules and decides nothing: jobs come from their source through a Searcher and outcomes go back through a
Callback, because OptunaSearch would tell stopped trials as complete and lose failed ones. A class Trainable, reused
actors and a concurrency limit keep workers warm; without them Tune runs one trial at a time.
"""

import tempfile
from pathlib import Path
from typing import Any

from mlpnas.engine.backends._ray_cluster import cause_of_death  # sets Ray's environment

# isort: split

import ray
from ray import tune
from ray.tune.error import TuneError
from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from mlpnas.engine.backends._evaluation import Evaluation
from mlpnas.engine.jobs import Jobs, pass_on
from mlpnas.engine.scheduling.crashes import DEATHS, outcome_of_killed
from mlpnas.errors import RunError
from mlpnas.job import Job, Outcome, step_from_json


class TuneWorker(tune.Trainable):
    """A worker of Tune's; one step of it is one step of a job."""

    def setup(self, config: dict[str, Any]) -> None:
        self.evaluation = Evaluation()
        self.evaluation.begin(config["job"])

    def step(self) -> dict[str, Any]:
        answer = self.evaluation.step()
        return answer | ({tune.result.DONE: True} if {"outcome", "fatal"} & answer.keys() else {})

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.evaluation.steps.close()
        self.setup(new_config)
        return True


class Controller(getattr(ray.tune.tune, "TuneController", object)):  # type: ignore[misc]
    """Tune's loop, except that a trial whose worker is starting waits for it, and no unusable worker is used again.

    Tune itself gives a trial the next worker that is free and stops the one that is starting. With trials shorter than
    a start (seconds, because torch is loaded), most workers then never come up: one of four was at work. Ray has no
    option for either. If a later Ray names these methods otherwise, Tune's own behaviour stays.
    """

    def _maybe_reuse_cached_actor(self, trial: Trial) -> bool:
        is_starting = trial in getattr(self, "_trial_to_actor", ())
        return not is_starting and super()._maybe_reuse_cached_actor(trial)

    def _maybe_cache_trial_actor(self, trial: Trial) -> bool:
        is_lost = trial.last_result.get("outcome", {}).get("ends_worker", False)
        return not is_lost and super()._maybe_cache_trial_actor(trial)


ray.tune.tune.TuneController = Controller


class _Unpickled:
    """Leaves nothing for Tune to pickle into checkpoints of its own, which we never read."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class JobsSearcher(_Unpickled, Searcher):
    """Hands jobs to Tune, each as one JSON text."""

    def __init__(self, jobs: Jobs) -> None:
        super().__init__()
        self.jobs = jobs

    def suggest(self, trial_id: str) -> Any:
        job = self.jobs.next_job()
        if job is None:
            return Searcher.FINISHED if self.jobs.is_over() else None  # None: ask again later
        return {"job": job.dumps()}

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        pass  # JobsCallback is told more

    def save(self, checkpoint_path: str) -> None:
        pass  # the source of the jobs keeps what is known

    def restore(self, checkpoint_path: str) -> None:
        pass


class JobsCallback(_Unpickled, tune.Callback):
    """Hands epochs and outcomes back to the source of the jobs, and kills the workers that hang.

    Attributes:
        error: what was raised here; Tune itself passes on its text alone.
    """

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.error: Exception | None = None
        self._live: dict[int, Trial] = {}
        self._killed: dict[int, str] = {}

    def on_step_begin(self, iteration: int, trials: Any, **info: Any) -> None:
        for number, reason in self.jobs.find_hung().items():
            if number not in self._killed:
                self._killed[number] = reason
                self._live[number].max_failures = 0  # it would hang another worker
                ray.kill(self._live[number].temporary_state.ray_actor)

    def on_trial_start(self, iteration: int, trials: Any, trial: Trial, **info: Any) -> None:
        self._live[_number(trial)] = trial
        self.jobs.begin(_number(trial))

    def on_trial_result(self, iteration: int, trials: Any, trial: Trial, result: dict[str, Any], **info: Any) -> None:
        step = step_from_json(result)
        if step is not None and not isinstance(step, Outcome):  # an outcome completes the trial
            pass_on(self.jobs, _number(trial), step)

    def on_trial_recover(self, iteration: int, trials: Any, trial: Trial, **info: Any) -> None:
        self.jobs.requeue(_number(trial), _reason(trial))

    def on_trial_complete(self, iteration: int, trials: Any, trial: Trial, **info: Any) -> None:
        if "fatal" in trial.last_result:
            self.error = RunError(trial.last_result["fatal"])
            raise self.error
        self._finish(trial, Outcome(**trial.last_result["outcome"]))

    def on_trial_error(self, iteration: int, trials: Any, trial: Trial, **info: Any) -> None:
        self._finish(trial, outcome_of_killed(self._killed.get(_number(trial)), _reason(trial)))

    def _finish(self, trial: Trial, outcome: Outcome) -> None:
        self._live.pop(_number(trial), None)
        try:
            self.jobs.finish(_number(trial), outcome)
        except Exception as error:
            self.error = error
            raise


def _number(trial: Trial) -> int:
    return Job.loads(trial.config["job"]).trial


def _reason(trial: Trial) -> str:
    """Return why Tune gave a trial up: its worker died, since an evaluator turns all else into an outcome."""
    file = Path(trial.error_file or "")
    return cause_of_death(file.read_text(encoding="utf-8") if file.is_file() else "")


def run_on_tune(jobs: Jobs, workers: int, gpus_per_job: float) -> None:
    """Run the jobs on so many workers, until there are no more.

    Raises:
        RunError: data or recipe are unusable, or `jobs` raises it. TuneError: Tune itself fails.
    """
    callback = JobsCallback(jobs)
    with tempfile.TemporaryDirectory() as scratch:
        tuner = tune.Tuner(
            tune.with_resources(TuneWorker, {"cpu": 1, "gpu": gpus_per_job}),
            tune_config=tune.TuneConfig(
                search_alg=JobsSearcher(jobs),
                num_samples=-1,  # until there are no more jobs
                max_concurrent_trials=workers,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=scratch,
                callbacks=[callback],
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=DEATHS - 1),
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            ),
        )
        try:
            tuner.fit()
        except TuneError as error:
            raise callback.error or error from None
