"""A remote run: a local folder that stands for a remote place, and the files there."""

import json
from pathlib import Path

from mlpnas import remote
from mlpnas.engine.run_folder import lease as lease_module
from mlpnas.mirror import Mirror
from mlpnas.record import Record
from mlpnas.store import Store
from mlpnas.training.recipe import Recipe
from tests.support.epochs import epoch_row
from tests.support.manifests import manifest

FAST = {"data": "digits", "backend": "local", "recipe": Recipe(epochs=1, samples=100, warmup_epochs=0)}


class Place:
    """A folder that stands for a remote one.

    Attributes:
        answers: whether it can be written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.uri, self.answers = folder, folder.as_uri(), True

    def files(self) -> list[str]:
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.folder).as_posix() for path in paths)

    def trials(self) -> list[int]:
        return [record.trial for record in Store(self.folder).history()]


def record(trial: int) -> Record:
    return Record(trial, f"key{trial}", "{}", {}, "done", values={"top1": 0.5, "macs": 1e6})


def append(mirror: Mirror, *trials: int) -> Store:
    store = Store(mirror.folder)
    for trial in trials:
        store.append(record(trial), [epoch_row(trial, 1)])
    return store


def begun(place: Place) -> Mirror:
    """Return a run with the trials 0 and 1, kept there."""
    mirror = Mirror.at(place.uri, "search")
    mirror.pull()
    manifest("tiny", objectives={"top1": "maximize"}).write(mirror.folder)
    append(mirror, 0, 1)
    mirror.push()
    return mirror


def held(place: Place, holder: str, age: float) -> None:
    """Leave a lease of another process there, renewed so many seconds ago."""
    lease = {"holder": holder, "token": "another", "renewed": lease_module.time() - age}
    remote.write_bytes(f"{place.uri}/.lease.json", json.dumps(lease).encode())
