"""A command of mlpnas on a terminal of its own, as a person has it: keys are pressed, and it can be closed."""

import fcntl
import os
import select
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

CTRL_C = b"\x03"


class Terminal:
    """`program` (arguments of the interpreter) at work in `folder`.

    Attributes:
        shown: all that it has written so far.
    """

    def __init__(self, folder: Path, *program: str, size: tuple[int, int] = (24, 80), **environment: str) -> None:
        self.file, other = os.openpty()
        termios.tcsetwinsize(other, size)
        self.process = subprocess.Popen(
            [sys.executable, *program],
            cwd=folder,
            env=_environment(environment),
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(other)
        self.shown = ""

    def wait_for(self, words: str, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while words not in self.shown:
            assert time.monotonic() < end, self.shown
            assert self._read(), self.shown

    def press(self, key: bytes, times: int = 1, pause: float = 0.1) -> None:
        for _ in range(times):
            if self.process.poll() is None:
                os.write(self.file, key)
                time.sleep(pause)

    def close(self) -> None:
        """Close the window, or lose the connection: the program gets SIGHUP, and can write no more."""
        os.close(self.file)
        self.file = -1

    def end(self, seconds: float = 60) -> int:
        """Return the exit code."""
        while self.file >= 0 and self._read():
            pass
        code = self.process.wait(seconds)
        if self.file >= 0:
            os.close(self.file)
        return code

    def _read(self) -> bool:
        """Return whether there may be more output."""
        if select.select([self.file], [], [], 0.1)[0]:
            try:
                part = os.read(self.file, 65536)
            except OSError:  # the last program has closed it
                return False
            self.shown += part.decode(errors="replace")
            return bool(part)
        return True


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return plain | {"OMP_NUM_THREADS": "1", "TERM": "xterm", "PYTHONUNBUFFERED": "1"} | more
