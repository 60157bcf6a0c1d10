"""search: the whole job, from a space and a budget to a run folder with a front."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from mlpnas.engine import weights
from mlpnas.engine.driver import Backend, Driver
from mlpnas.engine.events import Listener, summary
from mlpnas.engine.interrupt import interruptible
from mlpnas.engine.lock import writing
from mlpnas.engine.prepare import Options, prepare
from mlpnas.engine.publish import where_it_is_kept
from mlpnas.errors import RunError
from mlpnas.files import clear_leftovers, write_text
from mlpnas.objectives import scores as named_scores
from mlpnas.record import FAILURES
from mlpnas.run import Manifest, Run, locate, place_of, runs_folder
from mlpnas.space.space import SearchSpace
from mlpnas.training.recipe import Recipe
from mlpnas.units import seconds


@where_it_is_kept
def search(
    space: SearchSpace | str | Path | None = None,
    budget: str | Sequence[str] = (),
    *,
    trials: int | str | None = None,
    time: str | None = None,
    trial_time: str | None = None,
    sampler: str = "known_cost",
    stratify: bool = False,
    scores: str = "",
    objectives: Sequence[str] = ("top1", "macs"),
    data: str | None = None,
    recipe: str | Recipe = "auto",
    fidelity: str = "",
    backend: str = "ray",
    workers: int | None = None,
    gpus_per_trial: float | None = None,
    address: str = "",
    seed: int = 0,
    fill: float = 0.5,
    run: str | Path | None = None,
    resume: bool = False,
    listener: Listener = lambda event: None,
    command: str = "",
) -> Run:
    """Search `space` for the best architectures within `budget`; returns the run, which is on disk as it goes.

    Args:
        space: a SearchSpace, a path, or the name of a shipped space; with `resume` it may be left out.
        budget: upper bounds with units, "15GFLOPs", "60Mparams"; none: the space's own constraints alone.
        trials: to train, repeats not counted; None: 24. With `resume` the number in all, or "+20" more.
        time: wall time after which no trial is started, "30m".
        trial_time: wall time that ends a trial, as a failure; with `resume`, None: as before.
        sampler: who proposes, a file of mlpnas/samplers; docs/search.md says when to take which.
        stratify: spread the random sampler over cost.
        scores: zero-cost scores to measure beside the objectives, "snip,naswot" or "all"; for `mlpnas audit`.
        objectives: the first decides what is best; each knows its direction.
        data: a source or a path; None: the embedded digits.
        recipe: auto, a Recipe, the name of one, or a JSON or YAML file.
        fidelity: "epochs=1,3,9" trains every candidate for 1 epoch, the best third of equal cost for 3, the best third
            of those for 9; trainings go on from where they stopped. "": all are trained to the end.
        fill: share of the budget that every proposal uses at least.
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
    if resume:
        folder, manifest, loaded = _resumed(run, space, trials, time, trial_time)
    else:
        if space is None:
            raise RunError("a search needs a space: --space quick, or the path of a space file")
        loaded = space if isinstance(space, SearchSpace) else SearchSpace.load(space)
        folder = _new_folder(run, loaded.name)
        asked = (budget,) if isinstance(budget, str) else tuple(budget)
        options = Options(
            space=loaded,
            budget=asked,
            trials=_count(trials or 24, 0),
            seconds=seconds(time) if time else None,
            trial_seconds=seconds(trial_time) if trial_time else None,
            sampler=sampler,
            sampler_options={"stratify": True} if stratify else {},
            scores=named_scores(scores),
            objectives=tuple(objectives),
            data=data,
            recipe=recipe,
            fidelity=fidelity,
            backend=backend,
            workers=workers,
            gpus_per_trial=gpus_per_trial,
            address=address,
            seed=seed,
            fill=fill,
            command=command or f"mlpnas.search({loaded.name!r}, {asked!r}, seed={seed})",
        )
        manifest = prepare(options, folder)
    chosen = _backend(manifest.backend)
    with chosen.ready(manifest), writing(folder):
        return _run(folder, manifest, loaded, chosen, listener)


def _run(folder: Path, manifest: Manifest, space: SearchSpace, workers: Backend, listener: Listener) -> Run:
    write_text(folder / "space.yaml", manifest.space_text)
    manifest.write(folder)
    run, started = Run(folder), time.time()
    clear_leftovers(folder)
    for part in (weights.FOLDER, weights.STATES):
        clear_leftovers(folder / part)
    run.store.compact()
    listener(_begin(run))
    with interruptible() as interrupt:
        driver = Driver(run, space, listener, interrupt)
        try:
            workers.run(driver)
        finally:
            run.store.compact()
            listener(_end(run, time.time() - started))
    if driver.crash:
        raise RunError(
            f"{run.place}: trials in a row failed alike, so the search was stopped. Everything is kept: once the cause "
            f"is mended, go on with `mlpnas search --resume --run {run.place}`. The first of them said:\n{driver.crash}"
        )
    return run


def _backend(name: str) -> Backend:
    """The backend called so; only its own packages are imported."""
    if name == "ray":
        from mlpnas.engine.ray_cluster import Ray

        return Ray()
    from mlpnas.engine.local import Local

    return Local()


def _resumed(
    run: str | Path | None,
    space: SearchSpace | str | Path | None,
    trials: int | str | None,
    time: str | None,
    trial_time: str | None,
) -> tuple[Path, Manifest, SearchSpace]:
    if run is None:
        raise RunError("--resume needs --run: the run to go on with; `mlpnas runs` lists them")
    existing = Run(run)
    manifest = existing.manifest
    loaded = SearchSpace(manifest.space_text, f"{existing.place}/space.yaml")
    if space is not None:
        given = space if isinstance(space, SearchSpace) else SearchSpace.load(space)
        if given.hash != loaded.hash:
            raise RunError(f"{existing.place}: was searched in another space; leave --space out to go on with its own")
    done = sum(record.origin != "duplicate" for record in existing.records)
    wanted = _count(trials, done) if trials else manifest.trials
    manifest = replace(manifest, trials=wanted, seconds=seconds(time) if time else None)
    if trial_time:
        manifest = replace(manifest, trial_seconds=seconds(trial_time))
    return existing.path, manifest, loaded


def _count(trials: int | str, done: int) -> int:
    """24 -> 24 in all; "+8" -> 8 more than are done."""
    text = str(trials)
    if not text.removeprefix("+").isdigit():
        raise RunError(f"--trials {trials}: expected a number like 24, or +24 for so many more")
    return int(text) + (done if text.startswith("+") else 0)


def _new_folder(run: str | Path | None, space: str) -> Path:
    if run is None:
        return runs_folder() / f"{space}-{datetime.now():%Y%m%d-%H%M%S}"
    folder = locate(run)
    if (folder / "run.json").exists():
        raise RunError(f"{place_of(folder)}: holds a run already; go on with it by --resume, or take another --run")
    if folder.exists() and (not folder.is_dir() or any(path.name[0] != "." for path in folder.iterdir())):
        raise RunError(f"{folder}: is not empty and no run; take another --run")
    return folder


def _begin(run: Run) -> dict[str, Any]:
    manifest = run.manifest
    return {
        "event": "begin",
        "run": run.place,
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
