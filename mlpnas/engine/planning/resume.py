"""What a run is asked to do when it goes on: what was fixed when it began stays, the rest may change."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlpnas import datasets
from mlpnas.engine import options
from mlpnas.engine.options import Options
from mlpnas.engine.planning import placement, same_data
from mlpnas.engine.planning.worker_objectives import worker_objectives
from mlpnas.errors import RunError
from mlpnas.manifest import Manifest
from mlpnas.plugins import find
from mlpnas.run import Run

_PLACEMENT = ("backend", "workers", "device", "gpus_per_trial", "address")


def resumed(run: Run, asked: Mapping[str, Any]) -> Manifest:
    """The manifest to go on with.

    Args:
        asked: of `search`, by name; None where it was not given.

    Raises:
        MlpnasError: something cannot be done as asked, an option is given that this run has decided otherwise, its data
            have changed, or there is no GPU for it.
    """
    manifest = run.manifest
    done = sum(record.origin != "duplicate" for record in run.records)
    trials = asked.get("trials")
    given = options.given({**asked, "trials": None if trials is None else options.count(trials, done)})
    options.check_fixed(given, manifest)
    manifest = replace(
        manifest,
        trials=given.get("trials", manifest.trials),
        seconds=given.get("time"),
        trial_seconds=given.get("trial_time", manifest.trial_seconds),
        data=_data(manifest, given.get("data")),
    )
    placed = _placed(run, manifest, {name: given[name] for name in _PLACEMENT if name in given})
    same_data.check(manifest)
    return replace(placed, asked={**manifest.asked, **options.to_json(given)})


def _data(manifest: Manifest, place: str | None) -> Mapping[str, Any]:
    """Where the run's data are now; all else about them stays."""
    if place is None:
        return manifest.data
    before = datasets.DataRef.from_json(manifest.data)
    now = datasets.resolve(place, before.seed)
    return replace(before, source=now.source, path=now.path).to_json()


def _placed(run: Run, manifest: Manifest, given: Mapping[str, Any]) -> Manifest:
    """The manifest with what the trials run on, which stays as it was as far as nothing else is given."""
    if not given and manifest.device == "cpu":
        return manifest
    manifest = replace(manifest, gpus_per_trial=min(manifest.gpus_per_trial, 1.0))  # more were reserved, never used
    wanted = _wanted(manifest, given)
    placement.check(wanted)
    with placement.machines(wanted) as devices:
        nodes = devices.nodes
        if manifest.device == "cuda" and not {"device", "gpus_per_trial"} & {*given} and not any(n.gpus for n in nodes):
            raise RunError(
                f"{run.place}: its trials ran on a GPU, and none can be used here: `--device cpu` goes on on the "
                "cores, `mlpnas doctor` may know why there is none"
            )
        if not given:
            return manifest
        device = placement.choose_device(wanted, nodes)
        share = placement.initial_share(wanted, device)
        workers = placement.trials_at_once(wanted, nodes, share)
    return replace(
        manifest,
        backend=wanted.backend,
        address=wanted.address,
        device=device,
        gpus_per_trial=share,
        workers=0 if wanted.address and not wanted.workers else workers,
        scheduler=_scheduler(run, manifest, wanted),
    )


def _wanted(manifest: Manifest, given: Mapping[str, Any]) -> Options:
    """What the trials are to run on, as if it were asked for a new search."""
    backend = given.get("backend", manifest.backend)
    kind = find("backends", backend)
    device = given.get("device", None if "gpus_per_trial" in given else manifest.device)
    share = manifest.gpus_per_trial or None if device == "cuda" else None
    return Options(
        backend=backend,
        address=given.get("address", manifest.address if kind.has_clusters else ""),
        device=device,
        gpus_per_trial=given.get("gpus_per_trial", share),
        workers=given.get("workers", manifest.asked.get("workers") if kind.is_parallel else None),
        trial_time=manifest.trial_seconds,
    )


def _scheduler(run: Run, manifest: Manifest, wanted: Options) -> str:
    """As before; for a run that had none, by the seconds that its trials have taken."""
    if wanted.backend == manifest.backend:
        return manifest.scheduler
    taken = sorted(record.seconds for record in run.history if record.seconds)
    median = taken[len(taken) // 2] if taken else 0.0
    return placement.choose_scheduler(wanted, worker_objectives(manifest), median)[0]
