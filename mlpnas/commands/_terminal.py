"""Output for terminals: no control characters of foreign text, no characters that the terminal lacks."""

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
    **dict.fromkeys("\u2500\u2501\u2574\u2578\u257a", "-"),  # lines and half lines
    **dict.fromkeys("\u2502\u251c", "|"),
    "\u2514": "`",
    **dict.fromkeys("\u2588\u2589\u258a", "#"),  # blocks of eighths
    **dict.fromkeys("\u258b\u258c\u258d", "+"),
    **dict.fromkeys("\u258e\u258f\u2591", "."),
}


def clean(text: object) -> str:
    """Return text with escaped control characters and hidden credentials; newlines and tabs stay."""
    return visible(masked(str(text)), keep="\n\t")


def say(text: object = "", file: TextIO | None = None, end: str = "\n") -> None:
    """Print cleaned text and flush; to the standard output unless a file is given."""
    print(clean(text), file=file, end=end, flush=True)


def complain(text: object) -> None:
    """Print to the standard error, if it is open."""
    with suppress(OSError):
        say(text, sys.stderr)


def fit_streams() -> None:
    """Make standard output and error replace characters that their encoding lacks."""
    codecs.register_error("mlpnas", _replace_missing)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the parent process
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="ascii" if _is_ascii(stream) else None, errors="mlpnas")


def _is_ascii(stream: TextIO) -> bool:
    """Return whether a terminal has the locale C, for which Python would use UTF-8."""
    is_set = "PYTHONIOENCODING" in os.environ or "PYTHONUTF8" in os.environ
    locale = os.environ.get("LC_ALL") or os.environ.get("LANG")
    return locale in ("C", "POSIX") and not is_set and stream.isatty()


def _replace_missing(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that an encoding lacks; an error handler of codecs."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    replaced = (_ASCII.get(c) or c.encode("ascii", "backslashreplace").decode() for c in missing)
    return "".join(replaced), error.end
