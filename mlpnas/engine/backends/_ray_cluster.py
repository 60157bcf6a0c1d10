"""Ray itself: a cluster to connect to, or to start, and actors on it."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

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
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: E402

from mlpnas.engine.backends._address import check_reachable  # noqa: E402
from mlpnas.engine.backends._evaluation import Evaluation  # noqa: E402
from mlpnas.engine.devices import Node  # noqa: E402
from mlpnas.engine.interrupt import keep_handlers  # noqa: E402
from mlpnas.errors import MlpnasError, RunError  # noqa: E402
from mlpnas.job import Job  # noqa: E402
from mlpnas.training import memory  # noqa: E402

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
_GPU_PATIENCE = 120.0  # seconds until a GPU is free, a worker's start included
_PAUSE = 0.5  # seconds between looks for workers that hang
_STORE_BYTES = 100 * 2**20  # objects are small: jobs and epochs


class Cluster:
    """The machines of the cluster that this process is connected to; see devices.Devices."""

    def __init__(self) -> None:
        alive = [node for node in ray.nodes() if node["Alive"]]
        held = {node["NodeID"]: node["Resources"] for node in alive}
        self._nodes = {name: Node(int(has.get("CPU", 0)), int(has.get("GPU", 0))) for name, has in held.items()}
        self.nodes = list(self._nodes.values())

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call `function` on the node with the smallest GPU; where the cluster has no GPU, in this process.

        Raises:
            MlpnasError: `function` raises it. RunError: no GPU gets free, or the node is lost.
        """
        names = [name for name, node in self._nodes.items() if node.gpus]
        if not names:
            return function(*arguments)
        sizes = self._answers([_on(name, memory.total_bytes) for name in names], _GPU_PATIENCE)
        return self._answers([_on(names[sizes.index(min(sizes))], function, *arguments)])[0]

    def _answers(self, questions: list[Any], patience: float | None = None) -> list[Any]:
        try:
            return ray.get(questions, timeout=patience)
        except ray.exceptions.GetTimeoutError:
            raise RunError(
                f"no GPU of the cluster got free in {patience:g} s; `ray status` tells what holds them"
            ) from None
        except ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)
            raise cause if isinstance(cause, MlpnasError) else RunError(cause_of_death(str(error))) from None


def _on(node: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call `function` on a node, with one of its GPUs, which are taken to be alike."""
    there = NodeAffinitySchedulingStrategy(node, soft=False)
    return ray.remote(num_cpus=0, num_gpus=1, max_retries=0, scheduling_strategy=there)(function).remote(*arguments)


@contextmanager
def find_cluster(address: str) -> Iterator[Cluster]:
    """Yield the cluster at `address`; raises RunError if none answers."""
    with connect(address):
        yield Cluster()


@contextmanager
def connect(address: str, workers: int = 0) -> Iterator[None]:
    """Connect to the cluster at `address`, or start one with a core for each worker.

    Where Ray runs in this process already, it is used as it is, and left running.

    Raises:
        RunError: no cluster answers, Ray cannot start, or this process is connected to another cluster.
    """
    for name in ("ray", "ray.tune"):  # a job that fails is told by its outcome
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if is_running():
        if address not in ("", "auto", own := ray.get_runtime_context().gcs_address):
            raise RunError(f"--address {address}: Ray runs in this process already, at {own}; leave --address out")
        yield
        return
    if address and address != "auto":
        check_reachable(address)
    common = {"runtime_env": {"env_vars": _ONE_THREAD}, "logging_level": logging.ERROR, "log_to_driver": False}
    own = {"num_cpus": workers, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
    try:
        with keep_handlers():
            ray.init(address=address, **common) if address else ray.init(address="local", **own, **common)
    except (ConnectionError, ValueError) as error:
        hint = "it may want RAY_AUTH_MODE=token in the environment" if address != "auto" else "start one with ray start"
        raise RunError(f"no Ray cluster answers at {address!r}: {error}; {hint}") from None
    except OSError as error:  # it keeps files of its own, under the home folder and /tmp
        raise RunError(f"Ray cannot start ({error}); make that place usable, or take --backend local") from None
    try:
        yield
    finally:
        ray.shutdown()


def is_running() -> bool:
    """Return whether Ray runs in this process already."""
    return bool(ray.is_initialized())


def cause_of_death(text: str) -> str:
    """Return the cause of a worker's death, from Ray's text about it."""
    if "ActorDiedError" in text or "died" in text:
        return "the worker died: killed by the system (out of memory?) or crashed"
    return next((line for line in reversed(text.splitlines()) if line.strip()), "the worker was lost")


class Actors:
    """Ray actors as workers of a pool, see _pool.Workers; all of them end with the block."""

    def __init__(self, gpus: float) -> None:
        self.kind = ray.remote(num_cpus=1, num_gpus=gpus)(Evaluation)
        self.questions: dict[Any, Any] = {}
        self.started: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ray.exceptions.RayError):  # the cluster itself may be gone
            for actor in self.started:
                ray.kill(actor)

    def start_worker(self) -> Any:
        actor = self.kind.remote()
        self.started.append(actor)
        self.questions[actor.ready.remote()] = actor
        return actor

    def begin(self, worker: Any, job: Job) -> None:
        self.questions[worker.begin.remote(job.dumps())] = worker

    def step(self, worker: Any) -> None:
        self.questions[worker.step.remote()] = worker

    def answers(self) -> Iterator[tuple[Any, dict[str, Any]]]:
        for question in ray.wait(list(self.questions), timeout=_PAUSE)[0]:
            worker = self.questions.pop(question)
            try:
                answer = ray.get(question)
            except ray.exceptions.RayError as error:
                ray.kill(worker)  # it may live on where it was the evaluation that failed
                answer = {"died": cause_of_death(str(error))}
            yield worker, answer

    kill = staticmethod(ray.kill)
