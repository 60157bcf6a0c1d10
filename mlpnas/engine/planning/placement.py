"""Placement of trials: the backend, this machine or a cluster, its cores or GPUs, and how many at once."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib.util import find_spec
from math import inf

from mlpnas.engine.backends import Backend
from mlpnas.engine.devices import Devices, Node, slots
from mlpnas.engine.jobs import Placement
from mlpnas.engine.objectives import need_training, wanted_objectives
from mlpnas.errors import RunError
from mlpnas.manifest import Manifest
from mlpnas.plugins import find, names
from mlpnas.search_options import SearchOptions
from mlpnas.training import memory


def check(options: SearchOptions) -> None:
    """Raise RunError if options contradict each other, or cannot be had on any machine."""
    backend = _backend(options)
    if options.gpus_per_trial is not None and not 0 <= options.gpus_per_trial <= 1:
        raise RunError(
            f"--gpus-per-trial {options.gpus_per_trial:g}: a trial trains on one GPU; write a share from 0 to 1, like "
            "0.25 for four trials on each"
        )
    share = options.gpus_per_trial
    if share is not None and options.device not in (None, "cuda" if share else "cpu"):
        raise RunError(
            f"--device {options.device} and --gpus-per-trial {share:g} contradict each other; leave one of them out"
        )
    name = options.backend
    if options.address and not backend.has_clusters:
        raise RunError(f"--address {options.address}: --backend {name} uses no cluster; leave one of them out")
    if (options.workers or 1) > 1 and not backend.is_parallel:
        raise RunError(f"--backend {name} runs one trial at a time; leave --workers out, or take --backend ray")
    for package, install in backend.packages.items():
        if find_spec(package) is None:
            raise RunError(
                f"--backend {name} needs the package {package}: pip install '{install}', or take --backend local"
            )


def _backend(options: SearchOptions) -> type[Backend]:
    if options.backend not in names("backends"):
        raise RunError(f"--backend {options.backend}: no such backend; known: {', '.join(names('backends'))}")
    backend: type[Backend] = find("backends", options.backend)
    return backend


def machines(options: SearchOptions) -> AbstractContextManager[Devices]:
    """Return the machines that the trials will run on, for as long as they are asked things."""
    return _backend(options).devices(options.address)


def choose_device(options: SearchOptions, nodes: Sequence[Node]) -> str:
    """Return the device, a GPU wherever there is any; --device cpu or --gpus-per-trial 0 takes the cores.

    Raises:
        RunError: --device cuda where there is no GPU.
    """
    has_gpus = any(node.gpus for node in nodes)
    if options.device == "cuda" and not has_gpus:
        raise RunError("--device cuda: no GPU can be used here; leave it out, or ask `mlpnas doctor` why")
    return "cuda" if has_gpus and options.gpus_per_trial != 0 and options.device != "cpu" else "cpu"


def initial_share(options: SearchOptions, device: str) -> float:
    """Return the share of a GPU for a trial, before anything is measured."""
    given = options.gpus_per_trial
    return (1.0 if device == "cuda" else 0.0) if given is None else given


def most_sharers(options: SearchOptions, nodes: Sequence[Node], asked: Sequence[str]) -> int:
    """Return how many trials may share a GPU; one, if the share is given, nothing is trained or time is measured."""
    is_alone = not _backend(options).is_parallel or options.gpus_per_trial is not None
    if is_alone or not need_training(asked) or any(find("objectives", name).unit == "s" for name in asked):
        return 1
    cores = max((node.cores // node.gpus for node in nodes if node.gpus), default=1)
    return max(1, min(memory.MOST_ON_A_GPU, cores))


def trials_at_once(options: SearchOptions, nodes: Sequence[Node], share: float) -> int:
    """Return the number of trials at once.

    Raises:
        RunError: no machine holds one.
    """
    held = slots(nodes, share)
    if not held:
        raise RunError(f"--gpus-per-trial {share:g}: no machine has a GPU that can be used; leave it out")
    return (options.workers or held) if _backend(options).is_parallel else 1


def choose_scheduler(options: SearchOptions, asked: Sequence[str], seconds: float) -> tuple[str, list[str]]:
    """Return which scheduler of the backend hands out the trials, and why.

    Args:
        seconds: expected of a trial, to its first stop.
    """
    backend = _backend(options)
    if not need_training(asked):
        return backend.choose_scheduler(0.0)[0], []
    seconds = min(seconds, options.trial_time or inf)
    scheduler, reason = backend.choose_scheduler(seconds)
    until = " to its first stop" if options.fidelity else ""
    return scheduler, [f"a trial takes about {seconds:.2g} s{until}: {reason}"] if reason else []


def placement_of(manifest: Manifest) -> Placement:
    """Return what the trials of a run are placed on; a run of an earlier version names no scheduler."""
    scheduler = manifest.decided.scheduler
    if not scheduler:
        scheduler = "tune" if need_training(wanted_objectives(manifest)) else "pool"
    return Placement(manifest.decided.workers, manifest.decided.gpus_per_trial, manifest.asked.address, scheduler)
