"""A crash that repeats: its cause lies outside the candidates, and every further trial would be wasted on it."""

import re

from mlpnas.job import TIME_LIMIT
from mlpnas.record import Record

_IN_A_ROW = 3
_NUMBERS = re.compile(r"0x[0-9a-f]+|\d+")


class Crashes:
    """Looks for trials in a row that failed alike, but for the numbers in their errors.

    Lack of memory, a loss that is no number and a time limit are findings about a candidate, no crashes.
    """

    def __init__(self) -> None:
        self._last: list[Record] = []

    def take(self, record: Record) -> str:
        """What the last crashes have in common, the first one's error, once they are too many; else ""."""
        is_crash = record.status == "failed" and not record.error.startswith(TIME_LIMIT)
        is_same = bool(self._last) and _shape(self._last[0].error) == _shape(record.error)
        self._last = [*(self._last if is_same else []), record] if is_crash else []
        return self._last[0].error if len(self._last) >= _IN_A_ROW else ""


def _shape(error: str) -> str:
    return _NUMBERS.sub("#", error)
