"""Ctrl-C, SIGTERM and a lost terminal. They are remembered, because libraries can swallow an exception on its way."""

import atexit
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from time import monotonic
from types import FrameType
from typing import Any

EXIT_CODE = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_QUICK = 3.0  # seconds in which more signals add nothing: they would only break off the ending
_SOON = 0.05  # seconds
_NEVER = float("-inf")


class Interrupt:
    """A request that the process end.

    Attributes:
        is_requested: whether someone asked to end.
        code: the exit code, once nothing is left to do except to leave the interpreter.
    """

    def __init__(self) -> None:
        self.is_requested = False
        self.code: int | None = None
        self._raised = _NEVER
        self._terminals = [file for file in (0, 1, 2) if _is_terminal(file)]

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: raise KeyboardInterrupt, unless an earlier one is ending things."""
        self.is_requested = True
        for file in [file for file in self._terminals if not _is_terminal(file)]:
            os.dup2(os.open(os.devnull, os.O_RDWR), file)  # writing to a lost terminal would raise
        if monotonic() - self._raised > _QUICK:
            if self.code is not None:
                os._exit(self.code)
            self._raised = monotonic()
            raise KeyboardInterrupt

    def raise_again(self, unraisable: Any) -> None:
        """Handle an exception that nobody can catch: raise a KeyboardInterrupt among them again, soon."""
        if not isinstance(unraisable.exc_value, KeyboardInterrupt):
            sys.__unraisablehook__(unraisable)
        elif self.code is None:
            self._raised = _NEVER
            again = threading.Timer(_SOON, os.kill, (os.getpid(), signal.SIGINT))
            again.daemon = True
            again.start()


@contextmanager
def interruptible(last: bool = False) -> Iterator[Interrupt]:
    """Let SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt at once, and again at the end if the first one got lost.

    A nested use shares the outer Interrupt. A SIGHUP that is ignored, as under nohup, stays ignored.

    Args:
        last: the process ends afterwards; further signals do not disturb that.
    """
    outer = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    if isinstance(outer, Interrupt) and outer.code is None:
        yield outer
        interrupt = outer
    else:
        interrupt = Interrupt()
        with _handled(interrupt, last):
            yield interrupt
    if interrupt.is_requested:
        raise KeyboardInterrupt


@contextmanager
def keep_handlers() -> Iterator[None]:
    """Restore the signal handlers that a library replaces in the block.

    Processes that it starts in the block ignore SIGHUP, so that a lost terminal does not end them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        _set(before)


@contextmanager
def _handled(interrupt: Interrupt, last: bool) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if last:
        atexit.register(_leave, interrupt)  # registered before all others, it runs last
    before, hook = {number: signal.getsignal(number) for number in _SIGNALS}, sys.unraisablehook
    for number, handler in before.items():
        if number != signal.SIGHUP or handler != signal.SIG_IGN:
            signal.signal(number, interrupt.ask)
    sys.unraisablehook = interrupt.raise_again
    try:
        yield
    finally:
        if last and interrupt.is_requested:
            interrupt.code = getattr(sys.exception(), "code", None) or EXIT_CODE  # never 0
        else:
            sys.unraisablehook = hook
            _set(before)


def _set(handlers: Mapping[signal.Signals, Any]) -> None:
    """Set handlers again, except those that Python did not set and does not know."""
    for number, handler in handlers.items():
        if handler is not None:
            signal.signal(number, handler)


def _leave(interrupt: Interrupt) -> None:
    """End the process as the last exit handler, because after it a signal would kill the process, whatever its handler.

    A KeyboardInterrupt that went through an exec would make the interpreter kill itself, even if it was caught.
    """
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if interrupt.code is not None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(interrupt.code)


def _is_terminal(file: int) -> bool:
    try:
        return os.isatty(file)
    except OSError:
        return False
