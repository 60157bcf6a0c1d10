"""Ctrl-C and a polite kill: remembered, for an exception alone can be swallowed on its way through other libraries."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """Whether someone asked the search to end."""

    def __init__(self) -> None:
        self.asked = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """A signal handler."""
        self.asked = True
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """SIGINT and SIGTERM raise KeyboardInterrupt at once, and again at the end where the first one got lost."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = {number: signal.signal(number, interrupt.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupt.asked:
        raise KeyboardInterrupt
