"""Failures whose cause lies outside the architectures: which of them end a search, and which a resume tries again."""

import re
from collections.abc import Container, Iterable

from mlpnas.job import TIME_LIMIT, Outcome
from mlpnas.record import MACHINE, Record

DEATHS = 3  # of workers in one trial, after which the trial counts as their cause
_IN_A_ROW = 3
_NUMBERS = re.compile(r"0x[0-9a-f]+|\d+")


class _LikeCrashes:
    """Finds trials in a row that failed alike, apart from the numbers in their errors.

    Lack of memory, a loss that is NaN and a time limit are findings about an architecture, no crashes.
    """

    def __init__(self) -> None:
        self._last: list[Record] = []

    def take(self, record: Record) -> list[Record]:
        """Return the last crashes, which are alike, if they are too many; else none."""
        is_crash = record.status == "failed" and not record.error.startswith(TIME_LIMIT)
        is_same = bool(self._last) and _shape(self._last[0].error) == _shape(record.error)
        self._last = [*(self._last if is_same else []), record] if is_crash else []
        return self._last if len(self._last) >= _IN_A_ROW else []


class CrashGuard:
    """Ends a search whose new trials crash alike.

    Args:
        retried: trials that crashed in an earlier search; they may do so for good, and end no search.

    Attributes:
        error: what the last trials had in common, too many of them, or "".
        has_ended_search: whether so many of them were new that nothing more is to be tried.
    """

    def __init__(self, retried: Container[int]) -> None:
        self.error, self.has_ended_search = "", False
        self._retried, self._crashes = retried, _LikeCrashes()

    def take(self, record: Record) -> None:
        """Take the record of a trial that has ended."""
        alike = self._crashes.take(record)
        if not self.has_ended_search:
            self.error = alike[0].error if alike else ""
            self.has_ended_search = sum(crash.trial not in self._retried for crash in alike) >= _IN_A_ROW


def _shape(error: str) -> str:
    return _NUMBERS.sub("#", error)


def without_crashes(history: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """Return the records that are results, and the last records of the trials that are to be tried again.

    Those have failed by the machine's fault, or in a row that ended a search. Duplicates are neither.
    """
    crashes, records = _LikeCrashes(), [record for record in history if record.origin != "duplicate"]
    lost = {id(record) for record in records if record.fault == MACHINE}
    for record in records:
        lost |= {id(alike) for alike in crashes.take(record)}
    last = {record.trial: record for record in records}
    return [one for one in records if id(one) not in lost], [one for one in last.values() if id(one) in lost]


def stops_before_crashes(history: Iterable[Record]) -> list[Record]:
    """Return where the trials that are to be tried again had last stopped."""
    results, crashed = without_crashes(history)
    trials = {record.trial for record in crashed}
    return [record for record in results if record.trial in trials]


def outcome_of_killed(hung: str | None, reason: str) -> Outcome:
    """Return the outcome of a trial that hung, which is a finding about it, or that has lost too many workers."""
    if hung:
        return Outcome("failed", error=hung)
    return Outcome("failed", error=f"{reason}; {DEATHS} times", fault=MACHINE)
