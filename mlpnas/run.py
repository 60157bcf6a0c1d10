"""A run folder that is read: manifest, trials, epochs, front, hypervolume. Reports and exports work from it alone.

RUN/run.json                 everything needed to repeat the run
RUN/space.yaml               the space as it was
RUN/trials/part-*.parquet    one row per trial
RUN/epochs/part-*.parquet    training curves
RUN/weights/                 trained weights of the trials on the front
RUN/report.html
"""

import math
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mlpnas import pareto, run_files
from mlpnas.errors import RunError, SpecError
from mlpnas.manifest import Manifest
from mlpnas.mirror import Mirror
from mlpnas.plain_text import masked, quoted
from mlpnas.record import Record, latest
from mlpnas.remote import is_remote, join
from mlpnas.spec import ArchSpec
from mlpnas.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

_LONGEST_NAME, _LONGEST_PATH = 255, 4000  # bytes, of what file systems take


def runs_place() -> str:
    """Return the place of all runs: $MLPNAS_RUNS, a folder or a URI, or `runs` in the current folder."""
    return os.environ.get("MLPNAS_RUNS", "runs")


def runs_folder() -> Path:
    """Return the folder of all runs, for a `runs_place` on this machine."""
    return Path(runs_place())


def uri_of(name_or_path: str | Path) -> str:
    """Return the URI of a run that is kept elsewhere, or "" for one on this machine."""
    text = os.fspath(name_or_path)
    if is_remote(text):
        return text
    return join(runs_place(), text) if is_remote(runs_place()) and not _is_path(text) else ""


def _path(text: str) -> Path:
    """Return the path; raises RunError if no folder can have this name."""
    if not text.strip() or not text.isprintable():
        raise RunError(f"{quoted(text)}: no name for a run; write one without control characters, like quick-1")
    longest = max(len(os.fsencode(part)) for part in Path(text).parts or [text])
    if len(os.fsencode(text)) > _LONGEST_PATH or longest > _LONGEST_NAME:
        raise RunError(f"{quoted(text)}: too long; the name of a folder has at most {_LONGEST_NAME} bytes")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise RunError(f"{quoted(text)}: no such user; write {quoted('./' + text)} for a folder here") from None


def _is_path(text: str) -> bool:
    path = _path(text)
    return path.is_absolute() or os.sep in text or text in (".", "..") or (path / run_files.MANIFEST).is_file()


def locate(name_or_path: str | Path) -> Path:
    """Return the folder of a run: a name under runs/, a path (with a slash, or a folder with a run in it), or a URI.

    What is kept elsewhere is copied here first.

    Raises:
        RunError: the URI cannot be reached, or there is no run.
    """
    if uri := uri_of(name_or_path):
        return _copy_here(uri)
    text = os.fspath(name_or_path)
    return _path(text) if _is_path(text) else runs_folder() / text


def _copy_here(uri: str) -> Path:
    mirror = Mirror.at(uri)
    mirror.pull()
    if run_files.MANIFEST in mirror.missing:
        raise RunError(f"{uri}: its {run_files.MANIFEST} is listed, but cannot be fetched")
    if not (mirror.folder / run_files.MANIFEST).is_file():
        raise RunError(f"{uri}: no run here (no {run_files.MANIFEST})")
    return mirror.folder


def place_of(folder: Path) -> str:
    """Return where the run in a folder is kept, for people: the folder, or the URI that it is a copy of."""
    mirror = Mirror.of(folder)
    return masked(mirror.uri) if mirror else str(folder)


class Run:
    """A run folder, whose parts are read when they are asked for.

    Example:
        >>> run = Run("quick")                                       # doctest: +SKIP
        >>> run.trials().sort_by([("top1", "descending")])           # doctest: +SKIP
        >>> [record.trial for record in run.front()]                 # doctest: +SKIP

    Raises:
        RunError: there is no run at this name, path or URI.

    Attributes:
        path: its folder, or where it is copied to.
        mirror: where it is kept elsewhere.
    """

    def __init__(self, name_or_path: str | Path) -> None:
        self.path = locate(name_or_path)
        self.mirror = Mirror.of(self.path)
        self.manifest = Manifest.read(self.path)
        self.store = Store(self.path, self.manifest.id, self.mirror.missing if self.mirror else ())

    @property
    def place(self) -> str:
        """Return the place of the run for people: credentials are masked."""
        return masked(self.mirror.uri) if self.mirror else str(self.path)

    def file(self, name: str) -> Path:
        """Return where one of its files is to be read, if there is one; that of a run elsewhere is fetched for it.

        Raises:
            RunError: a run has no file of such a name, or it is a link.
        """
        path = self.path / run_files.check(name, self.place)
        if self.mirror:
            return self.mirror.fetch(name)
        if link := next((one for one in (path.parent, path) if one.is_symlink()), None):
            raise RunError(f"{link}: is a link, which is not followed; put the file itself there")
        return path

    def set_aside(self) -> list[str]:
        """Return what of the run is not used, and why, a line for each file; no command moves or deletes those."""
        assert self.history is not None  # they are read
        return [f"{name} is not used: {reason}" for name, reason in self.store.set_aside.items()]

    @cached_property
    def history(self) -> list[Record]:
        """Every record in the order of writing; a trial that was promoted has several."""
        return self.store.history()

    @property
    def records(self) -> list[Record]:
        """The latest record of every trial, in the order of proposing."""
        return latest(self.history)

    def trials(self) -> "pa.Table":
        """Return the trials table; objectives and costs are columns of their own.

        A row per trial, in the order of their ends; with `--fidelity` one per trial and fidelity.
        """
        return self.store.trials.read()

    def epochs(self) -> "pa.Table":
        """Return the training curves: trial, epoch, train_loss, seconds, learning_rate, and the values on val."""
        return self.store.epochs.read()

    @property
    def directions(self) -> list[str]:
        return list(self.manifest.decided.objectives.values())

    def done(self) -> list[Record]:
        """Return the finished trials that have every objective, without duplicates."""

        def is_complete(record: Record) -> bool:
            return all(math.isfinite(record.values.get(name, math.nan)) for name in self.manifest.decided.objectives)

        return [r for r in self.records if r.is_done and r.origin != "duplicate" and is_complete(r)]

    def points(self, records: list[Record]) -> pareto.Points:
        """Return the values (records, objectives) in the manifest's order."""
        rows = [[record.values[name] for name in self.manifest.decided.objectives] for record in records]
        return np.array(rows, float).reshape(len(records), len(self.manifest.decided.objectives))

    def front(self) -> list[Record]:
        """Return the finished trials that no other beats in every objective, cheapest first."""
        done = self.done()
        mask = pareto.on_front(self.points(done), self.directions)
        kept = [record for record, keep in zip(done, mask, strict=True) if keep]
        return sorted(kept, key=lambda record: (record.values.get("macs", 0), record.trial))

    def hypervolume(self) -> float:
        """Return the hypervolume of the front against the stored reference point; see pareto.hypervolume."""
        done, reference = self.done(), self.manifest.decided.reference
        if not done or any(name not in reference for name in self.manifest.decided.objectives):
            return 0.0
        corner = [reference[name] for name in self.manifest.decided.objectives]
        return pareto.hypervolume(self.points(done), self.directions, corner)

    def seconds(self) -> float:
        """Return the wall time in which at least one trial ran; the pause before a resume does not count."""
        total, end = 0.0, 0.0
        for record in sorted(self.history, key=lambda record: record.started):
            total += max(0.0, record.finished - max(record.started, end))
            end = max(end, record.finished)
        return total

    def best(self) -> Record:
        """Return the finished trial that is best in the first objective.

        Raises:
            RunError: no trial has finished.
        """
        done = self.done()
        if not done:
            raise RunError(f"{self.place}: no finished trial yet")
        name, direction = next(iter(self.manifest.decided.objectives.items()))
        sign = -1 if direction == "maximize" else 1
        return min(done, key=lambda record: (sign * record.values[name], record.values.get("macs", 0), record.trial))

    def pick(self, which: str) -> Record:
        """Return a trial by its number, or the best one, or the knee of the front.

        Raises:
            RunError: no such trial, or it has not finished.
        """
        if which == "best":
            return self.best()
        if which == "knee":
            self.best()
            front = self.front()
            return front[pareto.knee(self.points(front), self.directions)]
        for record in self.records:
            if str(record.trial) == which:
                if not record.is_done:
                    raise RunError(f"{self.place}: trial {which} has not finished ({record.status}); pick another")
                return record
        known = f"0 to {self.records[-1].trial}" if self.records else "none yet"
        raise RunError(f"{self.place}: no trial {which!r}; write best, knee or a trial number ({known})")

    def spec(self, record: Record) -> ArchSpec:
        """Return the architecture of a trial.

        Raises:
            RunError: the trial names none.
        """
        try:
            return record.architecture()
        except SpecError as error:
            raise RunError(f"{self.place}: {error}") from None
