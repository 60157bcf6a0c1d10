"""The Ray backend: Tune for trainings, a pool of actors for what takes less.

Tune schedules and decides nothing: jobs come from the driver through a Searcher and ends go back
through a Callback, because OptunaSearch would tell stopped trials as complete and lose failed ones. A class Trainable,
reused actors and a concurrency limit keep workers warm; without them Tune runs one trial at a time.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlpnas.engine.ray_cluster import Cluster, cause_of_death, connected  # sets Ray's environment

# isort: split

import ray
from ray import tune
from ray.tune.error import TuneError
from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from mlpnas.engine.devices import slots
from mlpnas.engine.driver import Driver, measured
from mlpnas.engine.pool import Pool
from mlpnas.errors import MlpnasError, RunError
from mlpnas.evaluators.proxy_training import ProxyTraining
from mlpnas.job import Job, Outcome, Waiting
from mlpnas.plugins import find
from mlpnas.record import EpochRow
from mlpnas.run import Manifest

_PAUSE = 0.5  # seconds between looks for workers that hang


class Evaluation:
    """What a worker does: takes a job, hands back an epoch a step, then its outcome; then takes the next job."""

    def ready(self) -> dict[str, Any]:
        return {"ready": True}

    def begin(self, job: str) -> dict[str, Any]:
        asked, evaluator = Job.loads(job), ProxyTraining()
        with suppress(MlpnasError):  # `step` will tell of it
            evaluator.prepare(asked)
        self.steps = evaluator.run(asked)
        return {"begun": True}

    def step(self) -> dict[str, Any]:
        try:
            step = next(self.steps)
        except MlpnasError as error:  # of data or recipe: no other candidate would fare better
            return {"fatal": str(error)}
        kind = "outcome" if isinstance(step, Outcome) else "waiting" if isinstance(step, Waiting) else "row"
        return {kind: asdict(step)}


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
    """Tune's loop, but a trial whose worker is starting waits for it.

    Tune itself gives it the next worker that is free and stops the one that is starting; with trials shorter than a
    start (seconds, for torch is loaded), most workers then never come up: one of four was at work. Ray has no option
    for it, and a Ray that calls its insides otherwise runs as it does by itself.
    """

    def _maybe_reuse_cached_actor(self, trial: Trial) -> bool:
        is_starting = trial in getattr(self, "_trial_to_actor", ())
        return not is_starting and super()._maybe_reuse_cached_actor(trial)


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
        return Searcher.FINISHED if job is None else {"job": job.dumps()}

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

    def on_trial_recover(self, iteration: int, trials: Any, trial: Trial, **info: Any) -> None:
        self.driver.requeue(_number(trial), _reason(trial))

    def on_trial_complete(self, iteration: int, trials: Any, trial: Trial, **info: Any) -> None:
        if "fatal" in trial.last_result:
            self.error = RunError(trial.last_result["fatal"])
            raise self.error
        self._finish(trial, Outcome(**trial.last_result["outcome"]))

    def on_trial_error(self, iteration: int, trials: Any, trial: Trial, **info: Any) -> None:
        error = self._killed.get(_number(trial)) or f"{_reason(trial)}; twice"
        self._finish(trial, Outcome("failed", error=error))

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


class Actors:
    """See pool.Workers."""

    def __init__(self, gpus: float) -> None:
        self.kind = ray.remote(num_cpus=1, num_gpus=gpus)(Evaluation)
        self.asked: dict[Any, Any] = {}

    def hire(self) -> Any:
        actor = self.kind.remote()
        self.asked[actor.ready.remote()] = actor
        return actor

    def begin(self, worker: Any, job: Job) -> None:
        self.asked[worker.begin.remote(job.dumps())] = worker

    def go_on(self, worker: Any) -> None:
        self.asked[worker.step.remote()] = worker

    def answers(self) -> Iterator[tuple[Any, dict[str, Any]]]:
        for question in ray.wait(list(self.asked), timeout=_PAUSE)[0]:
            worker = self.asked.pop(question)
            try:
                answer = ray.get(question)
            except ray.exceptions.RayError as error:
                ray.kill(worker)  # it may live on where it was the evaluation that failed
                answer = {"died": cause_of_death(str(error))}
            yield worker, answer

    kill = staticmethod(ray.kill)


class RayTune:
    """See driver.Backend."""

    @contextmanager
    def ready(self, manifest: Manifest) -> Iterator[None]:
        with connected(manifest.address, manifest.workers):
            self.workers = manifest.workers or max(1, slots(Cluster().nodes, manifest.gpus_per_trial))
            yield

    def run(self, driver: Driver) -> None:
        manifest = driver.run.manifest
        if manifest.scheduler == "pool" or not _trains(manifest):
            Pool(driver, Actors(manifest.gpus_per_trial), self.workers).run()
        else:
            self._train(driver)

    def _train(self, driver: Driver) -> None:
        telling = Telling(driver)
        with tempfile.TemporaryDirectory() as scratch:
            tuner = tune.Tuner(
                tune.with_resources(Candidate, {"cpu": 1, "gpu": driver.run.manifest.gpus_per_trial}),
                tune_config=tune.TuneConfig(
                    search_alg=Asking(driver),
                    num_samples=-1,  # until the driver has no more jobs
                    max_concurrent_trials=self.workers,
                    reuse_actors=True,
                    trial_dirname_creator=lambda trial: trial.trial_id,
                ),
                run_config=tune.RunConfig(
                    name="search",
                    storage_path=scratch,
                    callbacks=[telling],
                    verbose=0,
                    failure_config=tune.FailureConfig(max_failures=1),  # a worker may die of something else
                    checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
                ),
            )
            try:
                tuner.fit()
            except TuneError as error:
                raise telling.error or error from None


def _trains(manifest: Manifest) -> bool:
    return any(find("objectives", name).needs_training for name in measured(manifest))
