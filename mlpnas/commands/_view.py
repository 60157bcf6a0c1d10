"""The choice of a search's view by the kind of output."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from mlpnas.commands._live import Live
from mlpnas.commands._progress import JsonLines, Lines


@contextmanager
def progress(as_json: bool) -> Iterator[Lines]:
    """Yield the view: JSON lines, a live table on a terminal, plain lines elsewhere."""
    if as_json:
        output = sys.stdout
        with redirect_stdout(sys.stderr):  # Ray prints when a worker dies
            yield JsonLines(output)
    elif sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown"):
        with Live() as live:
            yield live
    else:
        yield Lines()
