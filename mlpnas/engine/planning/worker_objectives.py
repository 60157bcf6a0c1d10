"""The objectives that workers measure, because they do not follow from the architecture alone."""

from collections.abc import Iterable

from mlpnas.manifest import Manifest
from mlpnas.plugins import find
from mlpnas.space.tables import QUANTITIES


def worker_objectives(manifest: Manifest) -> tuple[str, ...]:
    """Return the objectives, limits and scores of a run that workers measure, each once."""
    names = dict.fromkeys([*manifest.decided.objectives, *manifest.decided.limits, *manifest.decided.scores])
    return tuple(name for name in names if name not in QUANTITIES)


def need_training(names: Iterable[str]) -> bool:
    """Return whether any of these objectives is only known after a training."""
    return any(find("objectives", name).needs_training for name in names if name not in QUANTITIES)
