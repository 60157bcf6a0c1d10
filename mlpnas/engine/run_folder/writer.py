"""Writing into a run folder: a search waits while the disk is full, and any other error ends it in one message."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from shlex import quote

from mlpnas.engine.interrupt import Interrupt
from mlpnas.engine.run_folder.folder import FolderGone, HeldFolder, ManifestGone
from mlpnas.errors import RunError
from mlpnas.files import retrying_while_disk_full
from mlpnas.record import EpochRow, Record
from mlpnas.remote import reason
from mlpnas.run import Run
from mlpnas.store import Store

_LOOKS_FOR_ROOM = 3.0  # seconds between two looks for room on a full disk


class Lost(KeyboardInterrupt):
    """Someone asked to end while a trial waited for room on the disk; that trial is not kept."""


class Writer:
    """The only writer of a run, except for the weights that workers write.

    Args:
        note: is called with what people should know.
        interrupt: once someone asks to end, it waits no longer.
    """

    def __init__(self, run: Run, folder: HeldFolder, note: Callable[[str], None], interrupt: Interrupt) -> None:
        self.run, self.folder, self.note, self.interrupt = run, folder, note, interrupt

    def keep(self, record: Record, curve: Sequence[EpochRow]) -> None:
        """Keep a trial and its curve, the curve first; raises as `write` does."""
        try:
            self.write(partial(self.run.store.append_curve, curve))
            self.write(partial(self.run.store.append, record))
        except FolderGone as error:
            if error.now:
                with suppress(OSError):
                    Store(error.now, self.run.manifest.id).append(record, curve)
            raise
        except ManifestGone as error:
            if error.is_back:
                with suppress(OSError):
                    self.run.store.append(record, curve)
            raise

    def check(self) -> None:
        """Check that the run is where it was; write a missing manifest again if there are trials.

        Raises:
            FolderGone, ManifestGone: the run folder was moved or deleted, or what is in it.
        """
        try:
            self.folder.check()
        except ManifestGone:
            if not self.run.store.trials.is_there():
                raise
            with suppress(OSError):
                self.run.manifest.write(self.run.path)
                raise ManifestGone(self.run.path, is_back=True) from None
            raise

    def write(self, write: Callable[[], object]) -> None:
        """Write something, and wait while the disk is full.

        Raises:
            FolderGone, ManifestGone: see check. RunError: it cannot be written to. Lost: see there.
        """
        self.check()
        waits = False
        try:
            for why in retrying_while_disk_full(write):
                if not waits:
                    self.note(f"paused: {why}; the search goes on by itself once there is room")
                waits = True
                if self.interrupt.is_requested:
                    raise KeyboardInterrupt
                time.sleep(_LOOKS_FOR_ROOM)
        except KeyboardInterrupt:
            raise Lost if waits else KeyboardInterrupt from None
        except OSError as error:
            self.check()
            place = self.run.place
            raise RunError(
                f"{place}: cannot be written ({reason(error)}), so the search has stopped; what was kept before stands "
                f"there: go on with `mlpnas search --resume --run {quote(place)}` once it can be written"
            ) from error
        if waits:
            self.note("there is room again: the search goes on")
