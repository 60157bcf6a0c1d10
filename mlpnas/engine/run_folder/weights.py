"""The trained weights in a run folder, and the states of trainings that stopped: where they go, and which stay."""

from collections.abc import Container
from contextlib import suppress

from mlpnas import remote
from mlpnas.mirror import Mirror
from mlpnas.run import Run
from mlpnas.run_files import STATES, WEIGHTS, trial_of


def file_of(run: Run, trial: int) -> str:
    """A path, or a URI where the run is kept elsewhere."""
    return _place(run, f"{WEIGHTS}/{trial}.safetensors")


def state_of(run: Run, trial: int, epochs: int) -> str:
    """The same for the state of a training after so many epochs."""
    return _place(run, state_name(trial, epochs))


def _place(run: Run, name: str) -> str:
    return run.mirror.join(name) if run.mirror else str(run.path.resolve() / name)


def relative(file: str) -> str:
    """As a record names it: from the run folder, so that the folder may move."""
    return f"{WEIGHTS}/{remote.file_name(file)}" if file else ""


def state_name(trial: int, epochs: int) -> str:
    """The state's file, from the run folder."""
    return f"{STATES}/{trial}-{epochs}.pt"


def prune(run: Run, kept: Container[str], running: Container[int]) -> None:
    """Delete weights and states but `kept`, by name from the run folder, and those that a running trial needs.

    Where a part of the trials is set aside, files of trials that are not known stay too: it may name them.
    """
    if (mirror := Mirror.of(run.path)) and mirror.changes():
        return  # where the run is kept, the trials that count may be others yet
    known = {record.trial for record in run.records} if run.set_aside() else None
    with suppress(OSError):  # after another trial, then
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
