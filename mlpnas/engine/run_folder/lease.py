"""One writer per remote run: a lease that its holder renews while it lives, and that then runs out.

Object stores know no locks and no "write if there is none", so a process that takes a lease writes its name, waits for
a moment and reads whether it is still there; of two that come at once, one stays. The clocks of the machines must agree
to some seconds.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from math import inf
from secrets import token_hex
from threading import Event, Lock, Thread
from time import monotonic, sleep, time
from typing import Any

from mlpnas import remote
from mlpnas.engine.run_folder.lock import is_gone, own_name
from mlpnas.errors import RunError

LASTS = 180.0  # seconds after its last renewal
_EVERY = 30.0  # seconds between two renewals
_SURE = 60.0  # seconds after a renewal in which it is surely still ours
_PAUSE = 1.0  # seconds until a process that takes a lease reads whether its name is still there
_FILE = ".lease.json"


class Lease:
    """A lease on a remote run. Taking it raises RunError, which names the holder, where another process has it."""

    def __init__(self, uri: str) -> None:
        self.uri, self._file = uri, remote.join(uri, _FILE)
        self._token = token_hex(8)
        self._turn, self._ended = Lock(), Event()
        self.holder = ""  # the process that has taken it over
        try:
            self._take()
        except OSError as error:
            raise remote.unreachable(uri, error) from None
        self._thread = Thread(target=self._keep_renewing, daemon=True)
        self._thread.start()

    def _take(self) -> None:
        if (held := self._read()) and _is_valid(held):
            age = max(0.0, time() - held["renewed"])
            raise RunError(
                f"{self.uri}: {held['holder']} is searching here, as of {age:.0f} s ago; wait for it, or, if it was "
                f"killed, for the {LASTS / 60:g} minutes that its lease lasts, or take another --run"
            )
        self._write()
        sleep(_PAUSE)
        if (held := self._read()) is None or held["token"] != self._token:
            raise RunError(f"{self.uri}: {_name(held)} has begun to search here at the same time; take another --run")

    def check(self) -> None:
        """Check, before anything is written there, that the lease is still held.

        Raises:
            RunError: another search has taken the run over. OSError: the store does not answer.
        """
        if not self.holder and monotonic() - self._renewed > _SURE:
            self._renew()
        if self.holder:
            raise RunError(
                f"{self.uri}: {self.holder} has taken this run over, for the lease was not renewed for "
                f"{LASTS / 60:g} minutes; this search has stopped, what had arrived there is kept"
            )

    def end(self) -> None:
        """Give the lease back."""
        self._ended.set()
        self._thread.join(timeout=_PAUSE)
        with suppress(OSError):
            if (held := self._read()) and held["token"] == self._token:
                remote.delete(self._file)

    def _keep_renewing(self) -> None:
        while not self._ended.wait(_EVERY):
            with suppress(OSError):  # `check` raises it again
                self._renew()

    def _renew(self) -> None:
        with self._turn:
            held = self._read()
            if held and held["token"] != self._token:
                self.holder = _name(held)
            elif not self._ended.is_set():
                self._write()

    def _read(self) -> Mapping[str, Any] | None:
        """Return the lease that is there, or None if there is no valid one."""
        try:
            held = json.loads(remote.read_bytes(self._file))
            renewed = float(held["renewed"])
            return (
                {"holder": str(held["holder"]), "token": held["token"], "renewed": renewed} if renewed < inf else None
            )
        except (FileNotFoundError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def _write(self) -> None:
        now = monotonic()
        lease = {"holder": own_name(), "token": self._token, "renewed": time()}
        remote.write_bytes(self._file, json.dumps(lease).encode())
        self._renewed = now


def _name(held: Mapping[str, Any] | None) -> str:
    return held["holder"] if held else "another process"


def _is_valid(held: Mapping[str, Any]) -> bool:
    """Return whether its holder may still live: known for this machine, judged by the time for others."""
    return not is_gone(held["holder"]) and time() - held["renewed"] < LASTS


@contextmanager
def hold_lease(uri: str) -> Iterator[Lease]:
    """Hold the lease on the run at `uri`."""
    lease = Lease(uri)
    try:
        yield lease
    finally:
        lease.end()
