"""search: the whole job, from a space and a budget to a run folder with a front."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

from mlpnas.engine.backends import Backend
from mlpnas.engine.driver import Driver
from mlpnas.engine.events import Listener, summary
from mlpnas.engine.interrupt import interruptible
from mlpnas.engine.options import Options, given, to_json
from mlpnas.engine.planning.placement import placement_of
from mlpnas.engine.planning.prepare import prepare
from mlpnas.engine.planning.resume import resumed
from mlpnas.engine.run_folder.folder import HeldFolder, check_is_new, make_new, new_folder
from mlpnas.engine.run_folder.lock import writing
from mlpnas.engine.run_folder.publish import where_it_is_kept
from mlpnas.errors import RunError
from mlpnas.files import clear_leftovers, write_text
from mlpnas.manifest import Manifest
from mlpnas.plugins import find
from mlpnas.record import FAILURES
from mlpnas.remote import reason
from mlpnas.run import Run
from mlpnas.run_files import STATES, WEIGHTS, check_folders
from mlpnas.space.space import SearchSpace
from mlpnas.training.recipe import Recipe
from mlpnas.training.repeatable import own_random_numbers


@interruptible()
@where_it_is_kept
def search(
    space: SearchSpace | str | Path | None = None,
    budget: str | Sequence[str] | None = None,
    *,
    trials: int | str | None = None,
    time: str | None = None,
    trial_time: str | None = None,
    sampler: str | None = None,
    stratify: bool | None = None,
    scores: str | Sequence[str] | None = None,
    objectives: str | Sequence[str] | None = None,
    data: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    skip_bad_images: bool | None = None,
    flip: str | None = None,
    recipe: str | Recipe | None = None,
    fidelity: str | None = None,
    backend: str | None = None,
    workers: int | None = None,
    device: str | None = None,
    gpus_per_trial: float | None = None,
    address: str | None = None,
    seed: int | None = None,
    fill: float | None = None,
    run: str | Path | None = None,
    resume: bool = False,
    listener: Listener = lambda event: None,
    command: str = "",
) -> Run:
    """Search `space` for the best architectures within `budget`; returns the run, which is on disk as it goes.

    Every option that is None, or left out, takes its default; with `resume` what the run was searched with. There, an
    option that decides what the results mean may be given only as it was; `trials`, `time`, `trial_time`, `backend`,
    `workers`, `device`, `gpus_per_trial`, `address` and the place of the same `data` may change.

    Args:
        space: a SearchSpace, a path, or the name of a shipped space; with `resume` it may be left out.
        budget: upper bounds with units, "15GFLOPs", "60Mparams"; none: the space's own constraints alone.
        trials: to train, repeats not counted; default: 24. With `resume` the number in all, or "+20" more.
        time: wall time after which no trial is started, "30m"; with `resume` it counts anew.
        trial_time: wall time that ends a trial, as a failure.
        sampler: who proposes, a file of mlpnas/samplers, default: known_cost; docs/search.md says when to take which.
        stratify: spread the random sampler over cost.
        scores: zero-cost scores to measure beside the objectives, "snip,naswot" or "all"; for `mlpnas audit`.
        objectives: "top1,macs" (the default) or a list; the first decides what is best; each knows its direction.
        data: a source or a path; default: the embedded digits.
        image_column, label_column: of a table, where they cannot be guessed.
        skip_bad_images: go on without images that cannot be read; default: refuse them, naming all.
        flip: whether half of the training images are mirrored: auto (the default), yes or no.
        recipe: auto (the default), a Recipe, the name of one, or a JSON or YAML file.
        fidelity: "epochs=1,3,9" trains every candidate for 1 epoch, the best third of equal cost for 3, the best third
            of those for 9; trainings go on from where they stopped. Default: all are trained to the end.
        backend: ray (the default), or local: one trial at a time in this process.
        workers: trials at once; default: one per core or GPU.
        device: cpu or cuda; default: GPUs wherever there are any.
        gpus_per_trial: share of a GPU; default: as many trials share one as fit.
        address: of an existing Ray cluster.
        seed: of everything that is drawn; default: 0.
        fill: share of the budget that every proposal uses at least; default: 0.5.
        run: a name under runs/, a path, or a URI like s3://BUCKET/PATH; None: a new name.
        listener: told every event, a JSON object with the key `event`.

    Example:
        >>> import mlpnas
        >>> run = mlpnas.search("quick", "500kMACs", trials=2, data="digits", backend="local",
        ...                     recipe=mlpnas.Recipe(epochs=1, samples=200, warmup_epochs=0))
        >>> len(run.trials())
        2

    Raises:
        MlpnasError: something cannot be done as asked; nothing was written then.
        RunError: the same crash three times in a row; everything was kept, and `resume` goes on.
        KeyboardInterrupt: after everything was kept; `resume` goes on.
    """
    asked: dict[str, Any] = {
        "space": space,
        "budget": budget,
        "fill": fill,
        "trials": trials,
        "time": time,
        "trial_time": trial_time,
        "data": data,
        "image_column": image_column,
        "label_column": label_column,
        "skip_bad_images": skip_bad_images,
        "flip": flip,
        "objectives": objectives,
        "sampler": sampler,
        "stratify": stratify,
        "scores": scores,
        "recipe": recipe,
        "fidelity": fidelity,
        "seed": seed,
        "backend": backend,
        "workers": workers,
        "device": device,
        "gpus_per_trial": gpus_per_trial,
        "address": address,
    }
    with own_random_numbers():
        if resume:
            return _go_on(run, asked, listener)
        if space is None:
            raise RunError("a search needs a space: --space quick, or the path of a space file")
        options = given(asked)
        folder = new_folder(run, options["space"].name)
        command = command or f"mlpnas.search({options['space'].name!r}, {budget!r})"
        manifest = replace(prepare(Options(**options), folder, command), asked=to_json(options))
        loaded = options["space"].for_data(**manifest.image) if manifest.image else options["space"]
        return _begin(folder, manifest, loaded, listener, is_named=run is not None)


def _begin(folder: Path, manifest: Manifest, space: SearchSpace, listener: Listener, is_named: bool) -> Run:
    backend = _backend(manifest)
    with backend.ready():
        with _begun_by_writing(folder):
            folder = make_new(folder, is_named)
        with writing(folder):
            check_is_new(folder, manifest.space_text)  # again: another search may have begun here since
            return _run(folder, replace(manifest, name=folder.name), space, backend, listener)


def _go_on(run: str | Path | None, asked: Mapping[str, Any], listener: Listener) -> Run:
    if run is None:
        raise RunError("--resume needs --run: the run to go on with; `mlpnas runs` lists them")
    folder = Run(run).path
    with writing(folder):
        existing = Run(folder)
        manifest = resumed(existing, asked)
        space = manifest.search_space(f"{existing.place}/space.yaml")
        backend = _backend(manifest)
        with backend.ready():
            return _run(folder, manifest, space, backend, listener)


def _run(folder: Path, manifest: Manifest, space: SearchSpace, workers: Backend, listener: Listener) -> Run:
    clock, held = time.monotonic(), HeldFolder(folder)
    check_folders(folder)
    with _begun_by_writing(folder):
        manifest.identified().write(folder)  # first: a folder without it is no run, and it holds the space's text too
        write_text(folder / "space.yaml", manifest.space_text)
    run = Run(folder)
    for part in ("", WEIGHTS, STATES):
        clear_leftovers(folder / part)
    _compact(run)
    listener(_beginning(run))
    for text in run.set_aside():
        listener({"event": "note", "text": text})
    with interruptible() as interrupt:
        driver = Driver(run, space, listener, interrupt, held)
        try:
            workers.run(driver)
            driver.writer.check()
        finally:
            _compact(run)
            listener(_end(run, time.monotonic() - clock))
    if driver.crash:
        raise RunError(
            f"{run.place}: trials in a row failed alike, so the search has ended. Everything is kept: once the cause "
            f"is repaired, `mlpnas search --resume --run {quote(run.place)}` tries them again and goes on. The first "
            f"of them said:\n{driver.crash}"
        )
    return run


@contextmanager
def _begun_by_writing(folder: Path) -> Iterator[None]:
    """Raises RunError for an error of the disk."""
    try:
        yield
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({reason(error)}); no trial was begun") from error


def _compact(run: Run) -> None:
    with suppress(OSError):  # many parts are as good as one; another time
        run.store.compact()


def _backend(manifest: Manifest) -> Backend:
    backend: Backend = find("backends", manifest.backend or "local")(placement_of(manifest))
    return backend


def _beginning(run: Run) -> dict[str, Any]:
    manifest = run.manifest
    return {
        "event": "begin",
        "run": run.place,
        "folder": str(run.path),
        "space": manifest.space,
        "trials": manifest.trials,
        "workers": manifest.workers,
        "objectives": dict(manifest.objectives),
        "limits": dict(manifest.limits),
        "recipe": dict(manifest.recipe),
        "data": manifest.data_facts.get("name", ""),
        "notes": list(manifest.notes),
        "done": [summary(record) for record in run.records],
    }


def _end(run: Run, elapsed: float) -> dict[str, Any]:
    trials = [record for record in run.records if record.origin != "duplicate"]
    return {
        "event": "end",
        "run": run.place,
        "trials": len(trials),
        "failed": sum(record.status in FAILURES for record in trials),
        "best": summary(run.best()) if run.done() else None,
        "front_size": len(run.front()),
        "hypervolume": run.hypervolume(),
        "seconds": round(elapsed, 1),
    }
