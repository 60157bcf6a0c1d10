"""Ctrl-C, a polite kill and a lost terminal: remembered, for other libraries can swallow an exception on its way."""

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
    """Whether someone asked the process to end.

    Attributes:
        code: the exit code, where nothing is left to do but to leave the interpreter.
    """

    def __init__(self) -> None:
        self.asked = False
        self.code: int | None = None
        self._raised = _NEVER
        self._terminals = [file for file in (0, 1, 2) if _is_terminal(file)]

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt, but not while an earlier one is ending things: a signal handler."""
        self.asked = True
        for file in [file for file in self._terminals if not _is_terminal(file)]:
            os.dup2(os.open(os.devnull, os.O_RDWR), file)  # a lost terminal takes no words, and breaks nothing off
        if monotonic() - self._raised > _QUICK:
            if self.code is not None:
                os._exit(self.code)
            self._raised = monotonic()
            raise KeyboardInterrupt

    def raise_again(self, unraisable: Any) -> None:
        """Raise a KeyboardInterrupt again, soon, that came where nobody can catch it: a hook for such exceptions."""
        if not isinstance(unraisable.exc_value, KeyboardInterrupt):
            sys.__unraisablehook__(unraisable)
        elif self.code is None:
            self._raised = _NEVER
            again = threading.Timer(_SOON, os.kill, (os.getpid(), signal.SIGINT))
            again.daemon = True
            again.start()


@contextmanager
def interruptible(last: bool = False) -> Iterator[Interrupt]:
    """SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt at once, and again at the end where the first one got lost.

    Inside another one, it is that one. A SIGHUP that is ignored, as under nohup, stays so.

    Args:
        last: the process ends afterwards; once asked to, it is not disturbed in that.
    """
    outer = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    if isinstance(outer, Interrupt) and outer.code is None:
        yield outer
        interrupt = outer
    else:
        interrupt = Interrupt()
        with _handled(interrupt, last):
            yield interrupt
    if interrupt.asked:
        raise KeyboardInterrupt


@contextmanager
def keeping_handlers() -> Iterator[None]:
    """Handlers that a library sets meanwhile, of its own or of the system, are replaced by those of before.

    Processes that it starts meanwhile ignore SIGHUP: a lost terminal shall not take them away.
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
        atexit.register(_leave, interrupt)  # before all that is registered later, so it comes last
    before, hook = {number: signal.getsignal(number) for number in _SIGNALS}, sys.unraisablehook
    for number, handler in before.items():
        if number != signal.SIGHUP or handler != signal.SIG_IGN:
            signal.signal(number, interrupt.ask)
    sys.unraisablehook = interrupt.raise_again
    try:
        yield
    finally:
        if last and interrupt.asked:
            interrupt.code = getattr(sys.exception(), "code", None) or EXIT_CODE  # never as if nobody had asked
        else:
            sys.unraisablehook = hook
            _set(before)


def _set(handlers: Mapping[signal.Signals, Any]) -> None:
    """Set handlers again; one that was not set by Python is not known."""
    for number, handler in handlers.items():
        if handler is not None:
            signal.signal(number, handler)


def _leave(interrupt: Interrupt) -> None:
    """End the process as the last exit handler: in what follows a signal would kill it, whatever its handler.

    A KeyboardInterrupt that went through an exec would make the interpreter kill itself, though it was caught.
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
