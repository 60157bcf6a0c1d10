"""The whole search, from a space and a budget to a run folder with a front."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

from mlpnas.engine.backends import Backend
from mlpnas.engine.driver import Driver
from mlpnas.engine.events import Listener, summary
from mlpnas.engine.interrupt import interruptible
from mlpnas.engine.planning.placement import placement_of
from mlpnas.engine.planning.prepare import prepare
from mlpnas.engine.planning.resume import plan_resume
from mlpnas.engine.run_folder.folder import HeldFolder, check_is_new, make_new, new_folder
from mlpnas.engine.run_folder.lock import hold_lock
from mlpnas.engine.run_folder.publish import mirrored
from mlpnas.errors import RunError
from mlpnas.files import clear_leftovers, write_text
from mlpnas.manifest import Manifest
from mlpnas.options import given_values, takes
from mlpnas.plugins import find
from mlpnas.record import FAILURES
from mlpnas.remote import reason
from mlpnas.run import Run
from mlpnas.run_files import STATES, WEIGHTS, check_folders
from mlpnas.search_options import SearchOptions
from mlpnas.space.space import SearchSpace
from mlpnas.training.repeatable import own_random_numbers


@takes(SearchOptions)
@interruptible()
@mirrored
def search(options: SearchOptions) -> Run:
    """Search `space` for the best architectures within `budget`; return the run, which is on disk as it goes.

    An option that is None, or left out, takes its default; with `resume` what the run was searched with. There, an
    option that decides what the results mean may be given only as it was; `trials`, `time`, `trial_time`, `backend`,
    `workers`, `device`, `gpus_per_trial`, `address` and the place of the same `data` may change.

    Args:
        {options}

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
    with own_random_numbers():
        if options.resume:
            return _go_on(options)
        if "space" not in given_values(options):
            raise RunError("a search needs a space: --space quick, or the path of a space file")
        folder = new_folder(options.run, options.space.name)
        manifest = prepare(options, folder)
        loaded = options.space.for_data(**manifest.found.image) if manifest.found.image else options.space
        return _begin(folder, manifest, loaded, options)


def _begin(folder: Path, manifest: Manifest, space: SearchSpace, options: SearchOptions) -> Run:
    backend = _backend(manifest)
    with backend.ready():
        with _begun_by_writing(folder):
            folder = make_new(folder, is_named=options.run is not None)
        with hold_lock(folder):
            check_is_new(folder, manifest.space_text)  # again: another search may have begun here since
            return _run(folder, replace(manifest, name=folder.name), space, backend, options.listener)


def _go_on(options: SearchOptions) -> Run:
    if options.run is None:
        raise RunError("--resume needs --run: the run to go on with; `mlpnas runs` lists them")
    folder = Run(options.run).path
    with hold_lock(folder):
        existing = Run(folder)
        manifest = plan_resume(existing, options)
        space = manifest.search_space(f"{existing.place}/space.yaml")
        backend = _backend(manifest)
        with backend.ready():
            return _run(folder, manifest, space, backend, options.listener)


def _run(folder: Path, manifest: Manifest, space: SearchSpace, workers: Backend, listener: Listener) -> Run:
    clock, held = time.monotonic(), HeldFolder(folder)
    check_folders(folder)
    manifest = manifest.with_id()
    with _begun_by_writing(folder):
        manifest.write(folder)  # first: a folder without it is no run, and it holds the space's text too
        write_text(folder / "space.yaml", manifest.space_text)
    run = Run(folder)
    run.manifest = manifest  # with objects that a file cannot keep
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
    """Turn an error of the disk into a RunError."""
    try:
        yield
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({reason(error)}); no trial was begun") from error


def _compact(run: Run) -> None:
    with suppress(OSError):  # many parts are as good as one; another time
        run.store.compact()


def _backend(manifest: Manifest) -> Backend:
    backend: Backend = find("backends", manifest.asked.backend or "local")(placement_of(manifest))
    return backend


def _beginning(run: Run) -> dict[str, Any]:
    manifest = run.manifest
    return {
        "event": "begin",
        "run": run.place,
        "folder": str(run.path),
        "space": manifest.space,
        "trials": manifest.asked.trials.number,
        "workers": manifest.decided.workers,
        "objectives": dict(manifest.decided.objectives),
        "limits": dict(manifest.decided.limits),
        "recipe": dict(manifest.decided.recipe),
        "data": manifest.found.data.get("name", ""),
        "notes": list(manifest.decided.notes),
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
