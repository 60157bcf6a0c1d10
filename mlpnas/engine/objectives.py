"""The objectives of a run: what workers may be asked for."""

from collections.abc import Iterable

from mlpnas.manifest import Manifest
from mlpnas.plugins import find


def wanted_objectives(manifest: Manifest) -> tuple[str, ...]:
    """Return the objectives, limits and scores of a run, each once."""
    decided = manifest.decided
    return tuple(dict.fromkeys([*decided.objectives, *decided.limits, *decided.scores]))


def need_training(names: Iterable[str]) -> bool:
    """Return whether any of these objectives is only known after a training."""
    return any(find("objectives", name).needs_training for name in names)
