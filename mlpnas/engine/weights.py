"""The trained weights in a run folder, and the states of trainings that stopped: where they go, and which stay."""

from collections.abc import Container
from pathlib import Path

FOLDER, STATES = "weights", "checkpoints"


def file_of(run: Path, trial: int) -> Path:
    return run.resolve() / FOLDER / f"{trial}.safetensors"


def state_of(run: Path, trial: int) -> Path:
    return run.resolve() / STATES / f"{trial}.pt"


def relative(file: str) -> str:
    """As a record names it: from the run folder, so that the folder may move."""
    return f"{FOLDER}/{Path(file).name}" if file else ""


def prune(run: Path, kept: Container[str], running: Container[int]) -> None:
    """Delete what no record of `kept` names and no running trial is writing."""
    for file in (run / FOLDER).glob("*.safetensors"):
        if relative(file.name) not in kept and int(file.stem) not in running:
            file.unlink(missing_ok=True)


def prune_states(run: Path, kept: Container[int]) -> None:
    """Delete the states of all trials but these."""
    for file in (run / STATES).glob("*.pt"):
        if int(file.stem) not in kept:
            file.unlink(missing_ok=True)
