"""The worst corner of a run's hypervolume: known before the first trial, or measured by it."""

from collections.abc import Mapping

from mlpnas.manifest import Manifest
from mlpnas.pareto import worse
from mlpnas.plugins import find
from mlpnas.record import Record
from mlpnas.space.space import SearchSpace
from mlpnas.space.tables import SUMMED


def known_before(objectives: Mapping[str, str], limits: Mapping[str, float], space: SearchSpace) -> dict[str, float]:
    """Return the worst value of each objective that has one before anything is trained."""
    corner = {}
    for name in objectives:
        bound = limits.get(name, space.range(name)[1] if name in SUMMED else None)
        if (value := find("objectives", name)().reference(bound)) is not None:
            corner[name] = float(value)
    return corner


def found_by(record: Record, manifest: Manifest) -> dict[str, float]:
    """Return, for objectives without a natural worst value, one that is worse than the first value seen."""
    missing = {name: way for name, way in manifest.decided.objectives.items() if name not in manifest.decided.reference}
    if not record.is_done:
        return {}
    return {name: worse(record.values[name], way) for name, way in missing.items() if name in record.values}
