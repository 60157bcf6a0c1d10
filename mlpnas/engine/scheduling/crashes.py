"""Failures whose cause lies outside the architectures: which end a search, and which are tried again on resume."""

import re
from collections.abc import Iterable, Sequence

from mlpnas.job import TIME_LIMIT, Outcome
from mlpnas.record import MACHINE, Record

DEATHS = 3  # of workers in one trial, after which it is held for their cause
_IN_A_ROW = 3
_NUMBERS = re.compile(r"0x[0-9a-f]+|\d+")


class Crashes:
    """Looks for trials in a row that failed alike, but for the numbers in their errors.

    Lack of memory, a loss that is no number and a time limit are findings about a candidate, no crashes.
    """

    def __init__(self) -> None:
        self._last: list[Record] = []

    def take(self, record: Record) -> list[Record]:
        """The last crashes, which are alike, once they are too many; else none."""
        is_crash = record.status == "failed" and not record.error.startswith(TIME_LIMIT)
        is_same = bool(self._last) and _shape(self._last[0].error) == _shape(record.error)
        self._last = [*(self._last if is_same else []), record] if is_crash else []
        return self._last if self.are_too_many(self._last) else []

    @staticmethod
    def are_too_many(alike: Sequence[Record]) -> bool:
        return len(alike) >= _IN_A_ROW


def _shape(error: str) -> str:
    return _NUMBERS.sub("#", error)


def without_crashes(history: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """A run's records of what was found out, and the last ones of the trials that are to be tried again.

    Those have failed by the machine's fault, or in a row that ended a search.
    """
    crashes, told = Crashes(), [record for record in history if record.origin != "duplicate"]
    lost = {id(record) for record in told if record.fault == MACHINE}
    for record in told:
        lost |= {id(alike) for alike in crashes.take(record)}
    last = {record.trial: record for record in told}
    return [one for one in told if id(one) not in lost], [one for one in last.values() if id(one) in lost]


def stops_before_crashes(history: Iterable[Record]) -> list[Record]:
    """Return where the trials last stopped that are to be tried again."""
    news, crashed = without_crashes(history)
    trials = {record.trial for record in crashed}
    return [record for record in news if record.trial in trials]


def killed(hung: str | None, reason: str) -> Outcome:
    """The end of a trial that hung, which is a finding about it, or that has lost too many workers."""
    if hung:
        return Outcome("failed", error=hung)
    return Outcome("failed", error=f"{reason}; {DEATHS} times", fault=MACHINE)
