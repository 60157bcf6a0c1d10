"""A search whose run is remote: it works on a local copy, and sends what it keeps as it goes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from shlex import quote
from time import monotonic, sleep
from typing import Any, TypeVar

from mlpnas.engine.events import Listener
from mlpnas.engine.run_folder.lease import Lease, hold_lease
from mlpnas.engine.run_folder.lock import hold_lock
from mlpnas.errors import RunError
from mlpnas.mirror import Mirror
from mlpnas.options import merge
from mlpnas.plain_text import masked
from mlpnas.remote import is_remote, reason
from mlpnas.run import runs_place, uri_of
from mlpnas.search_options import SearchOptions

R = TypeVar("R")

_SENT_AT = ("begin", "trial")
_PAUSE = 30.0  # seconds until a place that does not answer is tried again
_AT_THE_END = (0.0, 5.0, 15.0)  # seconds before each last try; one may take 20


def mirrored(search: Callable[[SearchOptions], R]) -> Callable[[SearchOptions], R]:
    """Let the run of a search be a URI too; the search is then given the copy here as its folder."""

    @wraps(search)
    def searching(options: SearchOptions) -> R:
        uri = uri_of(options.run) if isinstance(options.run, str) else ""
        if options.run is None and is_remote(runs_place()):
            raise RunError(f"$MLPNAS_RUNS is {runs_place()}: give the new run there a name by --run")
        if not uri:
            return search(options)
        with _working_copy(uri, options.listener) as publisher:
            return search(merge(options, SearchOptions(run=publisher.mirror.folder, listener=publisher)))

    return searching


@contextmanager
def _working_copy(uri: str, tell: Listener) -> Iterator["Publisher"]:
    mirror = Mirror.at(uri, "search")
    with hold_lease(mirror.uri) as lease:
        with hold_lock(mirror.folder):
            aside = mirror.reconcile()
        if aside:
            text = (
                f"another search went on at {uri} since this machine's; what had not arrived there is kept in {aside}"
            )
            tell({"event": "note", "text": masked(text)})
        _check_is_run_or_empty(mirror)
        publisher = Publisher(mirror, lease, tell)
        try:
            yield publisher
        finally:
            publisher.flush()


def _check_is_run_or_empty(mirror: Mirror) -> None:
    """Raise RunError if anything but a run is there: weights that no trial names would be deleted.

    A crash may have left the file of the space alone.
    """
    foreign = [name for name, _ in mirror.files() if not name.startswith(".") and name != "space.yaml"]
    if foreign and not (mirror.folder / "run.json").is_file():
        raise RunError(f"{mirror.uri}: is not empty and no run (it holds {foreign[0]}); take another --run")


class Publisher:
    """A listener that sends what was kept before it passes an event on.

    Where the remote place does not answer, it says so once, and the search goes on here meanwhile.
    """

    def __init__(self, mirror: Mirror, lease: Lease, tell: Listener) -> None:
        self.mirror, self._lease, self._tell = mirror, lease, tell
        self._is_away = False
        self._next = 0.0

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Send, then pass the event on; raises RunError if another search has taken the run over."""
        if event["event"] in _SENT_AT and monotonic() >= self._next:
            self._send()
        self._tell(event)

    def _send(self) -> None:
        try:
            self._push()
        except OSError as error:
            if not self._is_away:
                self._note(f"{self.mirror.uri} cannot be reached ({reason(error)}); the search goes on here meanwhile")
            self._is_away, self._next = True, monotonic() + _PAUSE
        else:
            if self._is_away:
                self._note(f"{self.mirror.uri} can be reached again, and has everything")
            self._is_away = False

    def _push(self) -> None:
        """Send what has changed, unless the local copy was deleted: the remote files must not be deleted with it."""
        if not self._has_copy():
            return
        self._lease.check()
        self.mirror.push()

    def flush(self) -> None:
        """Send what is left, and try several times.

        Raises:
            RunError: it cannot be sent; the message says how to send it later.
        """
        if self._lease.holder or not self._has_copy():
            return  # another search has the run now, or there is nothing to send
        for pause in _AT_THE_END:
            if not self.mirror.changes():
                return
            sleep(pause)
            try:
                self._push()
            except OSError as error:
                told = reason(error)
        if count := len(self.mirror.changes()):
            raise RunError(
                f"{self.mirror.uri}: cannot be reached ({told}). {count} files wait in {self.mirror.folder}; once it "
                f"can, send them with `mlpnas search --resume --run {quote(self.mirror.uri)}`"
            )

    def _has_copy(self) -> bool:
        return (self.mirror.folder / "run.json").is_file()

    def _note(self, text: str) -> None:
        self._tell({"event": "note", "text": masked(text)})
