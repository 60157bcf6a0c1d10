"""What a search tells of its trials: JSON objects with the key `event`, and who listens to them."""

from collections.abc import Callable, Mapping
from typing import Any

from mlpnas.record import Record

Listener = Callable[[Mapping[str, Any]], None]


def beginning(record: Record) -> dict[str, Any]:
    """Of a trial that begins, or goes on."""
    return _told(record, "trial", "key", "origin", "epochs")


def summary(record: Record) -> dict[str, Any]:
    """Of a trial that has ended."""
    return _told(record, "trial", "key", "status", "origin", "error", "seconds", "epochs")


def _told(record: Record, *names: str) -> dict[str, Any]:
    mixers = [stage.mixer.name for stage in record.architecture().stages]
    return {name: getattr(record, name) for name in names} | {"mixers": mixers} | dict(record.values)
