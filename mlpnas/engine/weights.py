"""The trained weights in a run folder: where each trial's go, and which stay."""

from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from mlpnas import remote
from mlpnas.mirror import Mirror
from mlpnas.run import Run

FOLDER = "weights"


def file_of(run: Run, trial: int) -> str:
    """A path, or a URI where the run is kept elsewhere."""
    name = f"{trial}.safetensors"
    return run.mirror.join(FOLDER, name) if run.mirror else str(run.path.resolve() / FOLDER / name)


def relative(file: str) -> str:
    """As a record names it: from the run folder, so that the folder may move."""
    return f"{FOLDER}/{remote.file_name(file)}" if file else ""


def prune(run: Run, kept: Container[str], running: Container[int]) -> None:
    """Delete what no record of `kept` names and no running trial is writing."""
    if (mirror := Mirror.of(run.path)) and mirror.changes():
        return  # where the run is kept, the trials that count may be others yet
    with suppress(OSError):  # after another trial, then
        for file in _all(run):
            trial = Path(remote.file_name(file)).stem
            if relative(file) not in kept and trial.isdigit() and int(trial) not in running:
                remote.delete(file)


def _all(run: Run) -> list[str]:
    if run.mirror:
        names = [name for name, _ in run.mirror.files(FOLDER)]
        return [run.mirror.join(name) for name in names if name.endswith(".safetensors")]
    return [str(path) for path in (run.path / FOLDER).glob("*.safetensors")]
