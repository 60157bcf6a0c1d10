"""Cleaning of foreign text for terminals, messages and spreadsheets."""

import re
from reprlib import Repr

MOST = 200  # characters of an input that a message quotes
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>`]+")
_USER = re.compile(  # a secret may hold a slash; digits before a slash are a port, which S3 has not
    r"(?<=://)[^\s/?#@:]*:(?!\d+/)[^\s?#@]*@|(?<=^s3://)[^\s/?#@:]*:[^\s?#@]*@", re.IGNORECASE
)
_OPTION = re.compile(r"([?&])([^=&#]+)=([^&#]*)")
_HARMLESS = (
    "endpoint_override",
    "scheme",
    "region",
    "allow_bucket_creation",
    "allow_bucket_deletion",
    "replication",
    "retry_limit_seconds",
    "project_id",
    "enable_tls",
)
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")  # ASCII and full-width forms
_HIDDEN = "***"


def visible(text: str, keep: str = "") -> str:
    r"""Replace characters that terminals do not print, like escape sequences, by Python's escapes: \x1b, \u202e.

    Args:
        keep: characters that stay, like a newline.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def shortened(value: object, most: int = MOST) -> str:
    """Return `value` for a message: visible, on one line, at most `most` characters."""
    text = value if isinstance(value, str) else _REPR.repr(value)
    text = visible(text[: most + 1])
    return text if len(text) <= most else text[: most - 3] + "..."


def quoted(value: object, most: int = MOST) -> str:
    """Return Python's notation of `value` in at most `most` characters: 'text', 3, [1, 2, ...]."""
    return shortened(_REPR.repr(value), most)


class _Bounded(Repr):
    """A Repr with bounded output for any value: nested, endless, or with 5,000 digits."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 4, MOST, MOST
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = 20

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write numbers of several thousand digits
        return repr(x) if x.bit_length() <= 128 else f"a number of about {int(x.bit_length() * 0.30103) + 1} digits"


_REPR = _Bounded()


def masked(text: str) -> str:
    """Replace the credentials in every URI of a text: the part before the @, and options that may be secret.

    s3://KEY:SECRET@bucket/run?secret_key=x&region=eu -> s3://***@bucket/run?secret_key=***&region=eu
    """
    return _URI.sub(lambda uri: _OPTION.sub(_mask_option, _USER.sub(f"{_HIDDEN}@", uri[0])), text)


def _mask_option(found: re.Match[str]) -> str:
    mark, name, value = found.groups()
    return f"{mark}{name}={value if name.lower() in _HARMLESS else _HIDDEN}"


def plural(number: float, noun: str) -> str:
    """Return a number of things in words: 1 trial, 2,000 trials."""
    return f"{number:,.0f} {noun}" + "s" * (number != 1)


def spreadsheet_cell(text: str) -> str:
    """Return text that a spreadsheet does not compute: a formula gets an apostrophe before it."""
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text[:1] in tuple("\t\r\n") else text
