"""Networks by their names on the command line: NAME, SPEC.json, RUN:TRIAL."""

import re
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from mlpnas import published
from mlpnas.commands._opened import open_run
from mlpnas.errors import RunError
from mlpnas.plain_text import plural
from mlpnas.record import Record
from mlpnas.remote import is_remote
from mlpnas.run import Run, locate
from mlpnas.spec import ArchSpec, read_size

_TRIAL = re.compile(r"best|knee|front|\d+")


@dataclass(frozen=True)
class Model:
    """A network with its name and known accuracies.

    Attributes:
        printed: top-1 on ImageNet-1k of a published model at its own input size.
        proxy: top-1 of a trial's training on `data`.
    """

    name: str
    spec: ArchSpec
    printed: float | None = None
    proxy: float | None = None
    data: str = ""


def find(text: str, size: str | None = None) -> list[Model]:
    """Return one network, or all of a front for RUN:front.

    Args:
        text: a published name, the path of a spec's JSON file, or RUN:TRIAL, where TRIAL is a number, best, knee or
            front.
        size: the input size in pixels, like 224 or 192x320, instead of the spec's own.

    Raises:
        UnknownName: there is no such published model. SpecError: the file is no spec. RunError: there is no such run
            or trial, or the trial is missing in the name.
    """
    run, colon, trial = text.rpartition(":")
    if is_remote(text) and not _TRIAL.fullmatch(trial):
        raise _needs_trial(text)
    if colon and not Path(text).exists():
        return _trials(open_run(run), trial, size)
    if text not in published.names() and (locate(text) / "run.json").is_file():
        raise _needs_trial(text)
    spec = published.find_spec(text)
    sized = spec.at(read_size(size)) if size else spec
    top1 = published.find(text).top1 if text in published.names() and sized == spec else None
    return [Model(text, sized, top1)]


def _needs_trial(text: str) -> RunError:
    best, trial, front = (quote(f"{text}:{which}") for which in ("best", "TRIAL", "front"))
    return RunError(f"{text} is a run; write {best}, {trial} with its number, or {front}")


def _trials(run: Run, pick: str, size: str | None) -> list[Model]:
    from mlpnas.report.wording import data_name

    def model(record: Record) -> Model:
        spec = run.spec(record)
        top1 = record.values.get("top1")
        return Model(
            f"{run.path.name}:{record.trial}", spec.at(read_size(size)) if size else spec, None, top1, data_name(run)
        )

    return list(map(model, run.front() if pick == "front" else [run.pick(pick)]))


def find_one(text: str, size: str | None = None) -> Model:
    """Return one network; see `find`.

    Raises:
        RunError: the front has several trials, or none.
    """
    models = find(text, size)
    if len(models) != 1:
        raise RunError(f"{text}: {plural(len(models), 'trial')}; give one of them as RUN:TRIAL, or RUN:best")
    return models[0]
