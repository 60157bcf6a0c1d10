"""Text of others, made fit for where it is shown: terminals, messages, spreadsheets."""

import re

MOST = 200  # characters of an input that a message quotes
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>`]+")
_USER = re.compile(r"(?<=://)[^\s/?#@:]*:(?!\d+/)[^\s?#@]*@")  # a secret may hold a slash; a port is none
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
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")  # each also in its full width
_HIDDEN = "***"


def visible(text: str, keep: str = "") -> str:
    r"""Replace what no terminal shows as it is, escape sequences above all, by Python's escapes: \x1b, \u202e.

    Args:
        keep: characters that stay, like a line's end.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def shortened(value: object, most: int = MOST) -> str:
    """Return `value` as a message quotes it: visible, on one line, not longer than `most` characters."""
    text = value if isinstance(value, str) else repr(value)
    text = visible(text[: most + 1])
    return text if len(text) <= most else text[: most - 3] + "..."


def masked(text: str) -> str:
    """Replace the credentials in every URI of a text: what stands before the @, and options that may hold a secret.

    s3://KEY:SECRET@bucket/run?secret_key=x&region=eu -> s3://***@bucket/run?secret_key=***&region=eu
    """
    return _URI.sub(lambda uri: _OPTION.sub(_option, _USER.sub(f"{_HIDDEN}@", uri[0])), text)


def _option(found: re.Match[str]) -> str:
    mark, name, value = found.groups()
    return f"{mark}{name}={value if name.lower() in _HARMLESS else _HIDDEN}"


def spreadsheet_cell(text: str) -> str:
    """Return text that a spreadsheet shows and does not compute: a formula gets an apostrophe before it."""
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text[:1] in tuple("\t\r\n") else text
