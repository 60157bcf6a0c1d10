"""The Ray backend, and the only file that knows Ray: Tune for trainings, a pool of actors for what takes less.

Tune schedules and decides nothing: jobs come from the driver through a Searcher and ends go back
through a Callback, because OptunaSearch would tell stopped trials as complete and lose failed ones. A class Trainable,
reused actors and a concurrency limit keep workers warm; without them Tune runs one trial at a time.
"""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # five log files per trial
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is ours
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths keep their meaning
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}
os.environ.update({name: os.environ.get(name, value) for name, value in _ENVIRONMENT.items()})

import ray  # noqa: E402
from ray import tune  # noqa: E402
from ray.tune.error import TuneError  # noqa: E402
from ray.tune.execution.tune_controller import TuneController  # noqa: E402
from ray.tune.experiment import Trial  # noqa: E402
from ray.tune.search import Searcher  # noqa: E402

from mlpnas.engine.address import knock  # noqa: E402
from mlpnas.engine.driver import Driver, measured  # noqa: E402
from mlpnas.engine.pool import Pool  # noqa: E402
from mlpnas.errors import MlpnasError, RunError  # noqa: E402
from mlpnas.evaluators.proxy_training import ProxyTraining  # noqa: E402
from mlpnas.job import Job, Outcome, Waiting  # noqa: E402
from mlpnas.plugins import find  # noqa: E402
from mlpnas.record import EpochRow  # noqa: E402
from mlpnas.run import Manifest  # noqa: E402

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
_PAUSE = 0.5  # seconds between looks for workers that hang
_STORE_BYTES = 100 * 2**20  # objects are small: jobs and epochs


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


class Controller(TuneController):
    """Tune's loop, but a trial whose worker is starting waits for it.

    Tune itself gives it the next worker that is free and stops the one that is starting; with trials shorter than a
    start (seconds, for torch is loaded), most workers then never come up: one of four was at work.
    """

    def _maybe_reuse_cached_actor(self, trial: Trial) -> bool:
        return trial not in self._trial_to_actor and super()._maybe_reuse_cached_actor(trial)


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
    return _cause(file.read_text(encoding="utf-8") if file.is_file() else "")


def _cause(text: str) -> str:
    """Of a death, from what Ray says of it."""
    if "ActorDiedError" in text or "died" in text:
        return "the worker died: killed by the system (out of memory?) or crashed"
    return next((line for line in reversed(text.splitlines()) if line.strip()), "the worker was lost")


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
                answer = {"died": _cause(str(error))}
            yield worker, answer

    kill = staticmethod(ray.kill)


class RayTune:
    """See driver.Backend."""

    @contextmanager
    def ready(self, manifest: Manifest) -> Iterator[None]:
        with _cluster(manifest.address, manifest.workers, manifest.gpus_per_trial) as self.workers:
            yield

    def run(self, driver: Driver) -> None:
        manifest = driver.run.manifest
        if any(find("objectives", name).needs_training for name in measured(manifest)):
            self._train(driver)
        else:
            Pool(driver, Actors(manifest.gpus_per_trial), self.workers).run()

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


@contextmanager
def _cluster(address: str, workers: int, gpus: float) -> Iterator[int]:
    """A cluster that is there, or one of our own for as long as the search runs; the number of workers it holds."""
    for name in ("ray", "ray.tune"):  # a trial that fails is told by the driver
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if address and address != "auto":
        knock(address)
    common = {"runtime_env": {"env_vars": _ONE_THREAD}, "logging_level": logging.ERROR, "log_to_driver": False}
    own = {"num_cpus": workers, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
    try:
        ray.init(address=address, **common) if address else ray.init(address="local", **own, **common)
    except (ConnectionError, ValueError) as error:
        hint = "it may want RAY_AUTH_MODE=token in the environment" if address != "auto" else "start one with ray start"
        raise RunError(f"no Ray cluster answers at {address!r}: {error}; {hint}") from None
    try:
        yield workers or _slots(gpus)
    finally:
        ray.shutdown()


def _slots(gpus: float) -> int:
    """Trials that the cluster's nodes hold at once, each with one core and so many GPUs."""
    slots = 0
    for node in ray.nodes():
        held = node["Resources"] if node["Alive"] else {}
        cores = int(held.get("CPU", 0))
        slots += min(cores, int(held.get("GPU", 0) / gpus)) if gpus else cores
    return max(1, slots)
