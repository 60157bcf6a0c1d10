"""Planning of a new run: everything that was asked is checked, and decided, before anything is written."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlpnas.datasets import DataRef
from mlpnas.engine.planning import placement, reference, sizing
from mlpnas.engine.planning.data import decode, find_data
from mlpnas.engine.planning.sizing import SizingRequest, TrialPlan
from mlpnas.engine.scheduling import rungs
from mlpnas.errors import RunError
from mlpnas.manifest import Decided, Found, Manifest
from mlpnas.objectives import scores
from mlpnas.plugins import find
from mlpnas.samplers import make_sampler
from mlpnas.search_options import SearchOptions, describe_call
from mlpnas.space.space import SearchSpace
from mlpnas.space.tables import SUMMED, Window
from mlpnas.spec import ArchSpec
from mlpnas.tasks import task_of
from mlpnas.training.recipe import Recipe
from mlpnas.training.speed import device_name

_PACKAGES = ("mlpnas", "torch", "torchvision", "timm", "ray", "optuna", "numpy", "pyarrow", "moocore")
_LOOKED_AT = 16  # architectures that the proxy is chosen by


def prepare(options: SearchOptions, folder: Path) -> Manifest:
    """Return the manifest of a new run; raises MlpnasError for the first thing that cannot be done as asked."""
    objectives, sampler_notes = _check(options)
    fidelity, scored = rungs.parse(options.fidelity, objectives), scores(",".join(options.scores))
    ref, about = find_data(options)
    space = options.space.for_data(about.channels, task_of(ref).outputs(about))
    limits, window = space.limits(options.budget), space.window(options.budget, options.fill)
    rng = np.random.default_rng(options.seed)
    some = [space.sample(rng, window).spec for _ in range(_LOOKED_AT)]
    asked = [*objectives, *limits, *scored]
    placed = _place(options, asked, some, ref, fidelity)
    image = placed.plan.image if placed.plan.recipe.input_size else _largest_input(space, window)
    data = decode(ref, image, placed.plan.recipe, options, some)
    scheduler, notes = placement.choose_scheduler(options, asked, placed.plan.seconds)
    decided = Decided(
        workers=placed.workers,
        device=placed.device,
        gpus_per_trial=placed.share,
        scheduler=scheduler,
        objectives=objectives,
        scores=scored,
        limits=limits,
        reference=reference.known_before(objectives, limits, space),
        fidelity=fidelity,
        recipe=data.recipe.to_json(),
        data=data.ref.to_json(),
        notes=(*data.notes, *placed.plan.notes, *notes, *sampler_notes),
    )
    return Manifest(
        name=folder.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=describe_call(options),
        space=space.name,
        space_text=space.text,
        space_hash=space.hash,
        asked=options,
        decided=decided,
        found=Found(space.image, data.facts, versions(), _machine(placed.device, placed.plan.device)),
    )


def _check(options: SearchOptions) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the objectives with their directions, and the sampler's notes, if nothing contradicts anything so far."""
    options.space.limits(options.budget)
    placement.check(options)
    objectives = directions(options.objectives)
    return objectives, make_sampler(options.sampler, options.space, {}, objectives, options.seed).notes


class _Placed(NamedTuple):
    """A plan of trials and where they run: workers, 0 for as many as a cluster holds, and each one's share of a GPU."""

    plan: TrialPlan
    device: str
    share: float
    workers: int


def _place(
    options: SearchOptions, asked: Sequence[str], specs: Sequence[ArchSpec], ref: DataRef, fidelity: tuple[int, ...]
) -> _Placed:
    """Plan trials like those of `specs` on the machines that they will run on."""
    recipe = options.recipe if isinstance(options.recipe, Recipe) else None
    with placement.machines(options) as devices:
        nodes = devices.nodes
        device = placement.choose_device(options, nodes)
        at_once = placement.trials_at_once(options, nodes, placement.initial_share(options, device))
        sharers = placement.most_sharers(options, nodes, asked)
        wanted = SizingRequest(specs, ref, recipe, device, options.trials.total(), at_once, sharers, fidelity)
        plan: TrialPlan = devices.call(sizing.plan_trials, wanted)
    plan = sizing.to_last_rung(plan, fidelity) if fidelity else plan
    share = plan.share if options.gpus_per_trial is None else options.gpus_per_trial
    workers = placement.trials_at_once(options, nodes, share)
    return _Placed(plan, device, share, 0 if options.address and not options.workers else workers)


def _largest_input(space: SearchSpace, window: Window) -> tuple[int, int]:
    """Return (height, width) that no architecture of the space exceeds inside the window."""
    sizes = [
        table.assembly.size
        for table in space.tables.networks
        if all(table.range(name)[0] <= high for name, (_, high) in window.items() if name in SUMMED)
    ]
    return max(height for height, _ in sizes), max(width for _, width in sizes)


def directions(names: Sequence[str]) -> dict[str, str]:
    """Return each objective's direction: ["top1", "macs"] -> {"top1": "maximize", "macs": "minimize"}.

    Raises:
        UnknownName, RunError: an objective that does not exist, stands twice, or none at all.
    """
    found = {name: find("objectives", name).direction for name in names}
    if not names or len(found) < len(names):
        raise RunError(f"--objectives {','.join(names)}: name each once, like top1,macs")
    return found


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on."""
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
