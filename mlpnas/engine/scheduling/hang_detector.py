"""The detection of hung workers: those that have sent no heartbeat for too long."""

from math import inf
from time import monotonic

from mlpnas.job import TIME_LIMIT

_GRACE = 20.0  # seconds that a worker has at least, past the time limit, to end a trial by itself
_SILENCE, _TIMES = 600.0, 20.0  # without a limit: seconds, and times the longest trial, without a heartbeat


class HangDetector:
    """Knows when the next heartbeat of each running trial is due at the latest.

    Args:
        limit: seconds that a trial may take; None: a worker hangs that sends nothing for twenty times as long as the
            longest trial that has ended, and for ten minutes at least.
        longest: seconds of the longest trial so far.
    """

    def __init__(self, limit: float | None, longest: float = 0.0) -> None:
        self.limit, self.longest = limit, longest
        self._last: dict[int, float] = {}  # heartbeats; with a limit, the beginnings

    def begin(self, trial: int) -> None:
        """Start the trial's time, or start it again."""
        self._last[trial] = monotonic()

    def heartbeat(self, trial: int) -> None:
        """Note that the worker lives; a time limit goes on counting."""
        if self.limit is None:
            self.begin(trial)

    def end(self, trial: int, seconds: float = 0.0) -> None:
        """Forget a trial, which has taken so many seconds."""
        self._last.pop(trial, None)
        self.longest = max(self.longest, seconds)

    def find_hung(self) -> dict[int, str]:
        """Return the trials whose workers hang, each with a message."""
        now, patience = monotonic(), self._patience()
        silent = {trial: now - last for trial, last in self._last.items() if now - last > patience}
        return {trial: self._message(seconds) for trial, seconds in silent.items()}

    def _patience(self) -> float:
        if self.limit is not None:
            return self.limit + max(_GRACE, self.limit / 2)
        return max(_SILENCE, _TIMES * self.longest) if self.longest else inf

    def _message(self, seconds: float) -> str:
        if self.limit is not None:
            return f"{TIME_LIMIT} {self.limit:g}s reached; the worker hung, and was killed after {seconds:.0f}s"
        return f"{TIME_LIMIT} reached: its worker gave no sign for {seconds:.0f}s and was killed"
