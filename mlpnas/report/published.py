"""Published models that cost about what the trials of a run cost, counted the same way."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from mlpnas import published
from mlpnas.costs import cost
from mlpnas.errors import MlpnasError
from mlpnas.plain_text import plural
from mlpnas.published import Published
from mlpnas.record import Record
from mlpnas.run import Run
from mlpnas.spec import ArchSpec


@dataclass(frozen=True)
class Neighbour:
    """A published model with our count of its cost, and what its paper printed."""

    name: str
    macs: int
    params: int
    printed: Published


def neighbours(run: Run) -> list[Neighbour]:
    """Return the published models inside the range of MACs of the run's trials and budget, cheapest first.

    They are counted with the channels and classes of the run's own architectures.
    """
    seen = [record.values["macs"] for record in run.records if record.values.get("macs", 0) > 0]
    if not seen:
        return []
    low, high = min(seen), max([*seen, run.manifest.decided.limits.get("macs", 0)])
    own = run.records[0].architecture()
    inside = [item for item in _all(own.channels, own.classes) if low <= item.macs <= 1.05 * high]
    return sorted(inside, key=lambda item: item.macs)


def describe_counting(run: Run) -> str:
    """Return what differs between `neighbours` and the models as published: "; their MACs are of 10 classes ..."."""
    if not run.records:
        return ""
    own, printed = run.records[0].architecture(), ArchSpec(())
    if (own.channels, own.classes) == (printed.channels, printed.classes):
        return ""
    channels = plural(own.channels, "channel")
    return f"; their MACs are counted for {own.classes} classes and {channels}, like those of the trials"


@cache
def _all(channels: int, classes: int) -> tuple[Neighbour, ...]:
    models = [published.find(name) for name in published.names()]
    costs = [cost(replace(model.spec, channels=channels, classes=classes)) for model in models]
    return tuple(Neighbour(m.name, c.macs, c.params, m) for m, c in zip(models, costs, strict=True))


def published_name(record: Record) -> str:
    """Return the name of the published model that a trial is, whatever its classes and input; or ""."""
    try:
        return _names().get(_shape(record.architecture()), "")
    except MlpnasError:
        return ""


@cache
def _names() -> Mapping[ArchSpec, str]:
    """Return the names by shape; one shape may have several, for ViT and DeiT differ in training alone."""
    names: dict[ArchSpec, list[str]] = {}
    for name in published.names():
        names.setdefault(_shape(published.find(name).spec), []).append(name)
    return {shape: ", ".join(same) for shape, same in names.items()}


def _shape(spec: ArchSpec) -> ArchSpec:
    return replace(spec, input_size=224, channels=3, classes=1000)
