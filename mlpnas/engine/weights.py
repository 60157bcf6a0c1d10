"""The trained weights in a run folder, and the states of trainings that stopped: where they go, and which stay."""

from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from pathlib import Path

from mlpnas import remote
from mlpnas.mirror import Mirror
from mlpnas.run import Run

FOLDER, STATES = "weights", "checkpoints"


def file_of(run: Run, trial: int) -> str:
    """A path, or a URI where the run is kept elsewhere."""
    return _place(run, FOLDER, f"{trial}.safetensors")


def state_of(run: Run, trial: int, epochs: int) -> str:
    """The same for the state of a training after so many epochs."""
    return _place(run, STATES, _state(trial, epochs))


def _state(trial: int, epochs: int | None) -> str:
    return f"{trial}-{epochs}.pt"


def _place(run: Run, folder: str, name: str) -> str:
    return run.mirror.join(folder, name) if run.mirror else str(run.path.resolve() / folder / name)


def relative(file: str) -> str:
    """As a record names it: from the run folder, so that the folder may move."""
    return f"{FOLDER}/{remote.file_name(file)}" if file else ""


def prune(run: Run, kept: Container[str], running: Container[int]) -> None:
    """Delete what no record of `kept` names and no running trial is writing."""
    _prune(run, FOLDER, lambda file, trial: relative(file) in kept or trial in running)


def prune_states(run: Run, kept: Mapping[int, int], running: Container[int]) -> None:
    """Delete the states but those of `kept`, epochs by trial, and of what is running: its beginning and its end."""
    _prune(
        run,
        STATES,
        lambda file, trial: trial in running or remote.file_name(file) == _state(trial, kept.get(trial)),
    )


def _prune(run: Run, folder: str, is_kept: Callable[[str, int], bool]) -> None:
    if (mirror := Mirror.of(run.path)) and mirror.changes():
        return  # where the run is kept, the trials that count may be others yet
    with suppress(OSError):  # after another trial, then
        for file in _all(run, folder):
            trial = Path(remote.file_name(file)).stem.partition("-")[0]
            if trial.isdigit() and not is_kept(file, int(trial)):
                remote.delete(file)


def _all(run: Run, folder: str) -> list[str]:
    if run.mirror:
        return [run.mirror.join(name) for name, _ in run.mirror.files(folder)]
    return [str(path) for path in (run.path / folder).glob("*")]
