"""Ray Tune, for the trainings that take more than seconds.

It schedules and decides nothing: jobs come from the driver through a Searcher and ends go back
through a Callback, because OptunaSearch would tell stopped trials as complete and lose failed ones. A class Trainable,
reused actors and a concurrency limit keep workers warm; without them Tune runs one trial at a time.
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
from mlpnas.engine.driver import Driver
from mlpnas.engine.scheduling.crashes import DEATHS, killed
from mlpnas.errors import RunError
from mlpnas.job import Job, Outcome, Waiting
from mlpnas.record import EpochRow


class Candidate(tune.Trainable):
    """A worker of Tune's."""

    def setup(self, config: dict[str, Any]) -> None:
        self.evaluation = Evaluation()
        self.evaluation.begin(config["job"])

    def step(self) -> dict[str, Any]:
        told = self.evaluation.step()
        return told | ({tune.result.DONE: True} if {"outcome", "fatal"} & told.keys() else {})

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.evaluation.steps.close()
        self.setup(new_config)
        return True


class Controller(getattr(ray.tune.tune, "TuneController", object)):  # type: ignore[misc]
    """Tune's loop, but a trial whose worker is starting waits for it, and no worker is used again that cannot be.

    Tune itself gives a trial the next worker that is free and stops the one that is starting; with trials shorter than
    a start (seconds, for torch is loaded), most workers then never come up: one of four was at work. Ray has no option
    for either, and a Ray that calls its insides otherwise runs as it does by itself.
    """

    def _maybe_reuse_cached_actor(self, trial: Trial) -> bool:
        is_starting = trial in getattr(self, "_trial_to_actor", ())
        return not is_starting and super()._maybe_reuse_cached_actor(trial)

    def _maybe_cache_trial_actor(self, trial: Trial) -> bool:
        is_lost = trial.last_result.get("outcome", {}).get("ends_worker", False)
        return not is_lost and super()._maybe_cache_trial_actor(trial)


ray.tune.tune.TuneController = Controller


class _Unpickled:
    """Tune pickles searchers and callbacks into its own checkpoints, which we never read."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class Asking(_Unpickled, Searcher):
    """Hands the driver's jobs to Tune, as one JSON text each."""

    def __init__(self, driver: Driver) -> None:
        super().__init__()
        self.driver = driver

    def suggest(self, trial_id: str) -> Any:
        job = self.driver.next_job()
        if job is None:
            return Searcher.FINISHED if self.driver.is_over() else None  # None: ask again later
        return {"job": job.dumps()}

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        pass  # `Telling` knows more

    def save(self, checkpoint_path: str) -> None:
        pass  # the store is the memory

    def restore(self, checkpoint_path: str) -> None:
        pass


class Telling(_Unpickled, tune.Callback):
    """Hands epochs and ends back to the driver, and kills the workers that hang.

    Attributes:
        error: what was raised here, for Tune passes on its text alone.
    """

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.error: Exception | None = None
        self._live: dict[int, Trial] = {}
        self._killed: dict[int, str] = {}

    def on_step_begin(self, iteration: int, trials: Any, **info: Any) -> None:
        for number, reason in self.driver.watch.overdue().items():
            if number not in self._killed:
                self._killed[number] = reason
                self._live[number].max_failures = 0  # it would hang another worker
                ray.kill(self._live[number].temporary_state.ray_actor)

    def on_trial_start(self, iteration: int, trials: Any, trial: Trial, **info: Any) -> None:
        self._live[_number(trial)] = trial
        self.driver.begin(_number(trial))

    def on_trial_result(self, iteration: int, trials: Any, trial: Trial, result: dict[str, Any], **info: Any) -> None:
        if "row" in result:
            self.driver.report(_number(trial), EpochRow(**result["row"]))
        elif "waiting" in result:
            self.driver.wait(_number(trial), Waiting(**result["waiting"]))
        elif "note" in result:
            self.driver.note(f"trial {_number(trial)}: {result['note']['text']}")

    def on_trial_recover(self, iteration: int, trials: Any, trial: Trial, **info: Any) -> None:
        self.driver.requeue(_number(trial), _reason(trial))

    def on_trial_complete(self, iteration: int, trials: Any, trial: Trial, **info: Any) -> None:
        if "fatal" in trial.last_result:
            self.error = RunError(trial.last_result["fatal"])
            raise self.error
        self._finish(trial, Outcome(**trial.last_result["outcome"]))

    def on_trial_error(self, iteration: int, trials: Any, trial: Trial, **info: Any) -> None:
        self._finish(trial, killed(self._killed.get(_number(trial)), _reason(trial)))

    def _finish(self, trial: Trial, outcome: Outcome) -> None:
        self._live.pop(_number(trial), None)
        try:
            self.driver.finish(_number(trial), outcome)
        except Exception as error:
            self.error = error
            raise


def _number(trial: Trial) -> int:
    return Job.loads(trial.config["job"]).trial


def _reason(trial: Trial) -> str:
    """Why Tune gave a trial up: its worker died, for an evaluator turns all else into an outcome."""
    file = Path(trial.error_file or "")
    return cause_of_death(file.read_text(encoding="utf-8") if file.is_file() else "")


def train(driver: Driver, workers: int) -> None:
    """Runs the driver's jobs on so many workers, until there are no more.

    Raises:
        RunError: of data or recipe, or what the driver raises; TuneError: Tune itself.
    """
    telling = Telling(driver)
    with tempfile.TemporaryDirectory() as scratch:
        tuner = tune.Tuner(
            tune.with_resources(Candidate, {"cpu": 1, "gpu": driver.run.manifest.gpus_per_trial}),
            tune_config=tune.TuneConfig(
                search_alg=Asking(driver),
                num_samples=-1,  # until the driver has no more jobs
                max_concurrent_trials=workers,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=scratch,
                callbacks=[telling],
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=DEATHS - 1),  # a worker may die of something else
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            ),
        )
        try:
            tuner.fit()
        except TuneError as error:
            raise telling.error or error from None
