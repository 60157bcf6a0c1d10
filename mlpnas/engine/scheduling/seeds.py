"""Published models as the first trials of a search, and notes about those that just miss the budget."""

from collections.abc import Container

from mlpnas import published
from mlpnas.costs import cost
from mlpnas.space.space import SearchSpace
from mlpnas.space.tables import Sample, Window, is_inside
from mlpnas.units import show

_JUST_ABOVE = 1.05


def published_seeds(space: SearchSpace, window: Window, known: Container[str]) -> tuple[list[Sample], list[str]]:
    """Return the space's seeds that keep the upper limits and were not tried yet, and notes for people.

    They are built, and their costs counted, with the channels and classes of the space.
    """
    limits = {name: (0.0, high) for name, (_, high) in window.items()}
    seeds, notes = [], []
    for name in space.seeds:
        sample = _sample(space, name)
        if not is_inside(sample.costs, limits):
            notes.append(f"seed {name} is above the budget and left out")
        elif sample.spec.key not in known:
            seeds.append(sample)
    return seeds, notes + _near_misses(space, limits)


def _sample(space: SearchSpace, name: str) -> Sample:
    spec = space.with_head(published.find(name).spec)
    return Sample.of(space.find(spec) or {}, spec)


def _near_misses(space: SearchSpace, limits: Window) -> list[str]:
    """Return a note for each published model of this space that costs less than 5 % too much."""
    notes = []
    for name in published.names():
        spec = space.with_head(published.find(name).spec)
        if len(spec.stages) != len(space.stages) or space.find(spec) is None:
            continue
        costs = cost(spec)
        for quantity, (_, high) in limits.items():
            if high < (value := getattr(costs, quantity)) <= high * _JUST_ABOVE:
                counted = "" if spec == published.find(name).spec else f" with {spec.classes} classes"
                notes.append(
                    f"{name} has {show(value, quantity)}{counted}, just above the limit of {show(high, quantity)}"
                )
    return notes
