"""What people read on a terminal: no control characters of others, and no character that the terminal lacks."""

import codecs
import os
import sys
from contextlib import suppress
from typing import TextIO

from mlpnas.plain_text import masked, visible

_ASCII = {
    "\u00b7": "-",  # middle dot
    "\u00b1": "+-",
    "\u00d7": "x",
    "\u2013": "-",
    "\u2014": "-",
    "\u2026": "...",
    "\u2192": "->",
    "\u2264": "<=",
    "\u2265": ">=",
    **dict.fromkeys("\u2500\u2501\u2574\u2578\u257a", "-"),  # lines and their halves
    **dict.fromkeys("\u2502\u251c", "|"),
    "\u2514": "`",
    **dict.fromkeys("\u2588\u2589\u258a", "#"),  # a block, and its eighths
    **dict.fromkeys("\u258b\u258c\u258d", "+"),
    **dict.fromkeys("\u258e\u258f\u2591", "."),
}


def clean(text: object) -> str:
    """Return text with its control characters written out and its credentials hidden; it may have several lines."""
    return visible(masked(str(text)), keep="\n\t")


def say(text: object = "", file: TextIO | None = None, end: str = "\n") -> None:
    """Print text for people, cleaned, at once; to the standard output unless another file is given."""
    print(clean(text), file=file, end=end, flush=True)


def complain(text: object) -> None:
    """Print to the standard error, and do without where it is closed or lost."""
    with suppress(OSError):
        say(text, sys.stderr)


def fit_streams() -> None:
    """Let standard output and error take every character, as whatever their encoding has for it."""
    codecs.register_error("mlpnas", _stand_in)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="ascii" if _is_ascii(stream) else None, errors="mlpnas")


def _is_ascii(stream: TextIO) -> bool:
    """Whether a terminal is one of the locale C, for which Python takes UTF-8 all the same."""
    is_said = "PYTHONIOENCODING" in os.environ or "PYTHONUTF8" in os.environ
    locale = os.environ.get("LC_ALL") or os.environ.get("LANG")
    return locale in ("C", "POSIX") and not is_said and stream.isatty()


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that an encoding lacks: an error handler of codecs."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    written = (_ASCII.get(c) or c.encode("ascii", "backslashreplace").decode() for c in missing)
    return "".join(written), error.end
