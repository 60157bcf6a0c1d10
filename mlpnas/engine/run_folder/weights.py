"""The trained weights in a run folder, and the training states of stopped trials: their names, and which are kept."""

from collections.abc import Container, Iterable
from contextlib import suppress

from mlpnas import remote
from mlpnas.mirror import Mirror
from mlpnas.run import Run
from mlpnas.run_files import STATES, WEIGHTS, trial_of


def file_of(run: Run, trial: int) -> str:
    """Return where the weights of a trial are written to: a path, or a URI where the run is kept elsewhere."""
    return _place(run, f"{WEIGHTS}/{trial}.safetensors")


def state_of(run: Run, trial: int, epochs: int) -> str:
    """Return where the training state of a trial after so many epochs is written to, as `file_of` does."""
    return _place(run, state_name(trial, epochs))


def _place(run: Run, name: str) -> str:
    return run.mirror.join(name) if run.mirror else str(run.path.resolve() / name)


def relative(file: str) -> str:
    """Return a weights file as a record names it: relative to the run folder, so that the folder may move."""
    return f"{WEIGHTS}/{remote.file_name(file)}" if file else ""


def state_name(trial: int, epochs: int) -> str:
    """Return the file of a training state, relative to the run folder."""
    return f"{STATES}/{trial}-{epochs}.pt"


def prune(run: Run, stops: Iterable[tuple[int, int]], running: Container[int]) -> None:
    """Delete every weights file and training state that no one needs.

    Kept are the weights of the front and of the best trial, the states of `stops` (trials and their epochs), and all
    files of running trials. Where parts of the trials are set aside, they may name files of trials that are unknown
    here, and those files stay too.
    """
    kept = {record.weights for record in run.front()} | {state_name(trial, epochs) for trial, epochs in stops}
    if run.done():
        kept.add(run.best().weights)
    if (mirror := Mirror.of(run.path)) and mirror.changes():
        return  # the place that the run is kept at does not have all records yet
    known = {record.trial for record in run.records} if run.set_aside() else None
    with suppress(OSError):  # tried again after the next trial
        for name in (*_names(run, WEIGHTS), *_names(run, STATES)):
            trial = trial_of(name)
            if trial is None or trial in running or name in kept or (known is not None and trial not in known):
                continue
            remote.delete(_place(run, name))


def _names(run: Run, folder: str) -> list[str]:
    if run.mirror:
        return [name for name, _ in run.mirror.files(folder)]
    place = run.path / folder
    return [] if place.is_symlink() else [f"{folder}/{path.name}" for path in place.glob("*")]
