"""Planning of a run that goes on: what was fixed when it began stays, the rest may change."""

from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Any

from mlpnas import datasets
from mlpnas.engine.objectives import wanted_objectives
from mlpnas.engine.planning import placement, same_data
from mlpnas.errors import RunError
from mlpnas.manifest import Manifest
from mlpnas.options import FIXED, check_fixed, given_values, merge, options_of
from mlpnas.plugins import find
from mlpnas.run import Run
from mlpnas.search_options import SamplerObject, SearchOptions

_PLACEMENT = ("backend", "workers", "device", "gpus_per_trial", "address")


def plan_resume(run: Run, asked: SearchOptions) -> Manifest:
    """Return the manifest to go on with.

    Raises:
        MlpnasError: something cannot be done as asked, an option is given that this run has decided otherwise, its data
            have changed, or there is no GPU for it.
    """
    manifest = run.manifest
    before = manifest.asked
    if "space" in given_values(asked):
        before = merge(before, SearchOptions(space=manifest.search_space(f"{run.place}/space.yaml")))
    check_fixed(asked, before, manifest.decided)
    done = sum(record.origin != "duplicate" for record in run.records)
    goes_on = _options_to_go_on_with(manifest.asked, asked, done)
    manifest = replace(manifest, asked=goes_on).with_decisions(data=_data(manifest, asked.data))
    placed = _place_anew(run, manifest, {name for name in _PLACEMENT if name in given_values(asked)})
    same_data.check(placed)
    return placed


def _options_to_go_on_with(before: SearchOptions, asked: SearchOptions, done: int) -> SearchOptions:
    """Return fixed options as they were written, and changeable ones as they are given now; `time` counts anew."""
    news = {
        name: value
        for name, value in given_values(asked).items()
        if options_of(asked)[name].on_resume != FIXED or isinstance(value, SamplerObject)
    }
    kept = {name: value for name, value in given_values(before).items() if name != "time"}
    options = SearchOptions(**{**kept, **news})
    return merge(options, SearchOptions(trials=options.trials.total(done)))


def _data(manifest: Manifest, place: str | None) -> Mapping[str, Any]:
    """Return where the run's data are now; all else about them stays."""
    if place is None:
        return manifest.decided.data
    before = datasets.DataRef.from_json(manifest.decided.data)
    now = datasets.resolve(place, before.seed)
    return replace(before, source=now.source, path=now.path).to_json()


def _place_anew(run: Run, manifest: Manifest, changed: Set[str]) -> Manifest:
    """Return the manifest with what the trials run on, which stays as it was as far as nothing of it has changed."""
    if not changed and manifest.decided.device == "cpu":
        return manifest
    share = min(manifest.decided.gpus_per_trial, 1.0)  # earlier versions reserved more, and never used them
    manifest = manifest.with_decisions(gpus_per_trial=share)
    wanted = _wanted(manifest, changed)
    placement.check(wanted)
    with placement.machines(wanted) as devices:
        nodes = devices.nodes
        needs_gpu = manifest.decided.device == "cuda" and not {"device", "gpus_per_trial"} & changed
        if needs_gpu and not any(node.gpus for node in nodes):
            raise RunError(
                f"{run.place}: its trials ran on a GPU, and none can be used here: `--device cpu` goes on on the "
                "cores, `mlpnas doctor` may know why there is none"
            )
        if not changed:
            return manifest
        device = placement.choose_device(wanted, nodes)
        share = placement.initial_share(wanted, device)
        workers = placement.trials_at_once(wanted, nodes, share)
    return manifest.with_decisions(
        device=device,
        gpus_per_trial=share,
        workers=0 if wanted.address and not wanted.workers else workers,
        scheduler=_scheduler(run, manifest, wanted, "backend" in changed),
    )


def _wanted(manifest: Manifest, changed: Set[str]) -> SearchOptions:
    """Return what the trials are to run on, as if it were asked for a new search."""
    asked, decided = manifest.asked, manifest.decided
    backend = find("backends", asked.backend)
    device = asked.device if "device" in changed else None if "gpus_per_trial" in changed else decided.device
    share = decided.gpus_per_trial or None if device == "cuda" else None
    return SearchOptions(
        backend=asked.backend,
        address=asked.address if backend.has_clusters or "address" in changed else "",
        device=device,
        gpus_per_trial=asked.gpus_per_trial if "gpus_per_trial" in changed else share,
        workers=asked.workers if backend.is_parallel or "workers" in changed else None,
        trial_time=asked.trial_time,
    )


def _scheduler(run: Run, manifest: Manifest, wanted: SearchOptions, is_other: bool) -> str:
    """Return the scheduler as before; for another backend, the one for the seconds that the run's trials have taken."""
    if not is_other:
        return manifest.decided.scheduler
    taken = sorted(record.seconds for record in run.history if record.seconds)
    median = taken[len(taken) // 2] if taken else 0.0
    return placement.choose_scheduler(wanted, wanted_objectives(manifest), median)[0]
