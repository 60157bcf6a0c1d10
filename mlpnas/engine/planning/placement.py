"""What trials run on: the backend, this machine or a cluster, its cores or GPUs, and how many at once."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from math import inf

from mlpnas.engine.options import Options
from mlpnas.engine.planning.devices import Devices, Here, Node, slots
from mlpnas.errors import RunError
from mlpnas.plugins import find
from mlpnas.space.tables import QUANTITIES
from mlpnas.training import memory

BACKENDS = ("ray", "local")
_POOL_BELOW = 10  # seconds a trial; Ray Tune's way there and back counts for less in longer ones


def check(options: Options) -> None:
    """Raises RunError where options contradict each other, or cannot be had on any machine."""
    if options.backend not in BACKENDS:
        raise RunError(f"--backend {options.backend}: no such backend; known: {', '.join(BACKENDS)}")
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
    if options.backend == "local" and options.address:
        raise RunError(f"--address {options.address}: --backend local uses no cluster; leave one of them out")
    if options.backend == "local" and (options.workers or 1) > 1:
        raise RunError("--backend local runs one trial at a time; leave --workers out, or take --backend ray")
    if options.backend == "ray" and find_spec("ray") is None:
        raise RunError("--backend ray needs the package ray: pip install 'ray[tune]', or take --backend local")


@contextmanager
def machines(options: Options) -> Iterator[Devices]:
    """What the trials will run on, for as long as it is asked things."""
    if options.backend == "ray" and (options.address or "ray" in sys.modules):
        from mlpnas.engine.backends._ray_cluster import cluster, is_running

        if options.address or is_running():
            with cluster(options.address) as devices:
                yield devices
            return
    yield Here()


def choose_device(options: Options, nodes: Sequence[Node]) -> str:
    """GPUs wherever there are any; --device cpu or --gpus-per-trial 0 takes the cores.

    Raises:
        RunError: --device cuda where there is no GPU.
    """
    has_gpus = any(node.gpus for node in nodes)
    if options.device == "cuda" and not has_gpus:
        raise RunError("--device cuda: no GPU can be used here; leave it out, or ask `mlpnas doctor` why")
    return "cuda" if has_gpus and options.gpus_per_trial != 0 and options.device != "cpu" else "cpu"


def initial_share(options: Options, device: str) -> float:
    """Of a GPU, for a trial, before anything is measured."""
    given = options.gpus_per_trial
    return (1.0 if device == "cuda" else 0.0) if given is None else given


def most_sharers(options: Options, nodes: Sequence[Node], asked: Sequence[str]) -> int:
    """Most trials that may share a GPU: one where the share is given, nothing is trained or time is measured."""
    found = [find("objectives", name) for name in asked if name not in QUANTITIES]
    is_alone = options.backend == "local" or options.gpus_per_trial is not None
    if is_alone or not any(one.needs_training for one in found) or any(one.unit == "s" for one in found):
        return 1
    cores = max((node.cores // node.gpus for node in nodes if node.gpus), default=1)
    return max(1, min(memory.MOST_ON_A_GPU, cores))


def trials_at_once(options: Options, nodes: Sequence[Node], share: float) -> int:
    """Trials at once.

    Raises:
        RunError: no machine holds one.
    """
    held = slots(nodes, share)
    if not held:
        raise RunError(f"--gpus-per-trial {share:g}: no machine has a GPU that can be used; leave it out")
    return 1 if options.backend == "local" else options.workers or held


def choose_scheduler(options: Options, asked: Sequence[str], seconds: float) -> tuple[str, list[str]]:
    """Who runs the trials of the ray backend, and why; `seconds` are those that a trial takes to its first stop."""
    if options.backend != "ray":
        return "", []
    if not any(find("objectives", name).needs_training for name in asked if name not in QUANTITIES):
        return "pool", []
    seconds = min(seconds, options.trial_time or inf)
    if seconds < _POOL_BELOW:
        until = " to its first stop" if options.fidelity else ""
        return "pool", [f"a trial takes about {seconds:.2g} s{until}: a pool of workers runs them, not Ray Tune"]
    return "tune", []
