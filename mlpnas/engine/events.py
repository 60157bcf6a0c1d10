"""Events of a search: JSON objects with the key `event`, for listeners."""

from collections.abc import Callable, Mapping
from typing import Any

from mlpnas.record import Record

Listener = Callable[[Mapping[str, Any]], None]


def beginning(record: Record) -> dict[str, Any]:
    """Return the event fields of a trial that begins, or is promoted."""
    return _fields(record, "trial", "key", "origin", "epochs")


def summary(record: Record) -> dict[str, Any]:
    """Return the event fields of a trial that has ended."""
    return _fields(record, "trial", "key", "status", "origin", "error", "seconds", "epochs")


def _fields(record: Record, *names: str) -> dict[str, Any]:
    mixers = [stage.mixer.name for stage in record.architecture().stages]
    return {name: getattr(record, name) for name in names} | {"mixers": mixers} | dict(record.values)
