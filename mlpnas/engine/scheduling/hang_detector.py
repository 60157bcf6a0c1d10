"""Which workers hang: those that the driver has not heard of for too long."""

from math import inf
from time import monotonic

from mlpnas.job import TIME_LIMIT

_GRACE = 20.0  # seconds that a worker has at least, past the time limit, to end a trial by itself
_SILENCE, _TIMES = 600.0, 20.0  # without a limit: seconds, and times the longest trial, without a sign


class Watch:
    """When a sign of each running trial is due at the latest.

    Args:
        limit: seconds that a trial may take, or None: then a worker hangs that says nothing for twenty times as long as
            the longest trial that has ended, and for ten minutes at least.
        longest: seconds of the longest trial so far.
    """

    def __init__(self, limit: float | None, longest: float = 0.0) -> None:
        self.limit, self.longest = limit, longest
        self._heard: dict[int, float] = {}

    def begin(self, trial: int) -> None:
        """The trial's time starts, or starts again."""
        self._heard[trial] = monotonic()

    def sign(self, trial: int) -> None:
        """It has told something; a limit goes on counting."""
        if self.limit is None:
            self.begin(trial)

    def end(self, trial: int, seconds: float = 0.0) -> None:
        self._heard.pop(trial, None)
        self.longest = max(self.longest, seconds)

    def overdue(self) -> dict[int, str]:
        """The trials whose workers hang, and what to say of each."""
        now, patience = monotonic(), self._patience()
        silent = {trial: now - heard for trial, heard in self._heard.items() if now - heard > patience}
        return {trial: self._told(seconds) for trial, seconds in silent.items()}

    def _patience(self) -> float:
        if self.limit is not None:
            return self.limit + max(_GRACE, self.limit / 2)
        return max(_SILENCE, _TIMES * self.longest) if self.longest else inf

    def _told(self, seconds: float) -> str:
        if self.limit is not None:
            return f"{TIME_LIMIT} {self.limit:g}s reached; the worker hung, and was killed after {seconds:.0f}s"
        return f"{TIME_LIMIT} reached: its worker gave no sign for {seconds:.0f}s and was killed"
