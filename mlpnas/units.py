"""Quantities with units; the only file that knows them.

1 FLOP = 1 multiply-accumulate, as the vision papers print it, so `15GFLOPs` and `15GMACs` are the same budget.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mlpnas.errors import UnitError
from mlpnas.plain_text import quoted

_PREFIX = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_COUNTS = {"MACs": "macs", "FLOPs": "macs", "params": "params"}
_BYTES = {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+)\s*([A-Za-z]*)")
_MOST = 1e18  # of anything that is counted
_LONGEST = 100 * 365 * 86400.0  # in seconds
_MOST_CHARACTERS = 100

EXAMPLES = "15GFLOPs, 15GMACs, 800MMACs, 30Mparams, 2GiB, 12ms"


@dataclass(frozen=True)
class Limit:
    """An upper bound on one cost: `quantity` is macs, params, peak_bytes or latency (seconds)."""

    quantity: str
    value: float

    @classmethod
    def parse(cls, text: object) -> "Limit":
        """Read a limit: `15GFLOPs` -> Limit("macs", 15e9).

        Raises:
            UnitError: not a positive number with one of the units.
        """
        number, unit = _split(text, f"write it like {EXAMPLES}")
        scale, quantity = _unit(unit)
        if quantity is None:
            what = f"{unit!r} is no unit of a budget" if unit else f"{quoted(text)} has no unit"
            raise UnitError(f"budget {quoted(text)}: {what}; write it like {EXAMPLES}")
        most = _LONGEST if quantity == "latency" else _MOST
        return cls(quantity, _bounded(text, number * scale, most, f"write it like {EXAMPLES}"))

    def __str__(self) -> str:
        return f"{show(self.value, self.quantity)}"


def _split(text: object, remedy: str) -> tuple[float, str]:
    written = str(text).strip() if isinstance(text, (str, int, float)) and not isinstance(text, bool) else ""
    match = _NUMBER.fullmatch(written) if len(written) <= _MOST_CHARACTERS else None
    if not match:
        raise UnitError(f"{quoted(text)} is not a positive number with a unit; {remedy}")
    return float(match[1]), match[2]


def _bounded(text: object, value: float, most: float, remedy: str) -> float:
    if not 0 < value <= most:
        raise UnitError(f"{quoted(text)} is too {'large' if value else 'small: it must be above zero'}; {remedy}")
    return value


def _unit(unit: str) -> tuple[float, str | None]:
    for name, quantity in _COUNTS.items():
        prefix = unit[: -len(name)]
        if unit.lower().endswith(name.lower()) and prefix in _PREFIX:
            return _PREFIX[prefix], quantity
    if unit in _BYTES:
        return _BYTES[unit], "peak_bytes"
    if unit in ("us", "ms", "s"):
        return _SECONDS[unit], "latency"
    return 1.0, None


def seconds(text: object) -> float:
    """Read a duration: `30m` -> 1800.0; it needs a unit: s, m or min, h, d.

    Raises:
        UnitError: not a positive number with one of these.
    """
    remedy = "write a duration like 90s, 30m or 2h"
    number, unit = _split(text, remedy)
    if unit not in _SECONDS:
        raise UnitError(f"{quoted(text)} has no unit of time; {remedy}")
    return _bounded(text, number * _SECONDS[unit], _LONGEST, remedy)


def count(text: object) -> float:
    """Read a count: `100M` -> 1e8, a plain number with an optional prefix k, M, G, T.

    Raises:
        UnitError: anything else.
    """
    remedy = "write a count like 100M or 4.5G"
    number, unit = _split(text, remedy)
    if unit not in _PREFIX:
        raise UnitError(f"{quoted(text)} has the unknown prefix {unit!r}; {remedy}")
    return _bounded(text, number * _PREFIX[unit], _MOST, remedy)


@dataclass(frozen=True)
class Format:
    """The way values of one kind are written and drawn.

    Attributes:
        write: returns a value with its unit, like "15.13 GMACs".
        short: returns it for a column whose heading names the unit, like "15.13 G"; None: the same.
        phrase: names the value; {label}, {value} and {short} stand for the quantity's label and what is written.
        ticks: d3's format for an axis, on which values are drawn times `scale`; axis_unit: the unit of its ticks.
        extent: the part of an axis outside of which nothing is drawn, if there are such values.
        is_whole: values are whole numbers.
    """

    write: Callable[[float], str]
    short: Callable[[float], str] | None = None
    phrase: str = "{label} {value}"
    ticks: str = "~g"
    scale: float = 1.0
    axis_unit: str = ""
    extent: tuple[float, float] | None = None
    is_whole: bool = False

    def cell(self, value: float) -> str:
        """Write a value under a heading that names the quantity."""
        return (self.short or self.write)(value)

    def text(self, value: float, label: str) -> str:
        """Write a value so that it says what it is: "97.2 % top-1"."""
        return self.phrase.format(label=label, value=self.write(value), short=self.cell(value))


def _scaled(value: float, steps: tuple[tuple[str, float], ...], smallest: str, unit: str = "") -> str:
    for prefix, scale in steps:
        if value >= scale:
            return f"{value / scale:.4g} {prefix}{unit}"
    return f"{value:.4g} {smallest}{unit}".rstrip()


def _count(unit: str, phrase: str) -> Format:
    steps = (("G", 1e9), ("M", 1e6), ("k", 1e3))
    return Format(
        lambda value: _scaled(value, steps, "", unit),
        lambda value: _scaled(value, steps, ""),
        phrase,
        ticks="~s",
        is_whole=True,
    )


NUMBER = Format(lambda value: f"{value:.4g}")
PERCENT = Format(lambda value: f"{100 * value:.1f} %", phrase="{value} {label}", ticks=".1~%", extent=(0.0, 1.02))
MACS, PARAMS = _count("MACs", "{value}"), _count("params", "{short} {label}")
MILLISECONDS = Format(lambda value: f"{value * 1e3:.3g} ms", phrase="{value}", scale=1e3, axis_unit="ms")
BYTES = Format(
    lambda value: _scaled(value, (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)), "B"),
    phrase="{value}",
    scale=2**-20,
    axis_unit="MiB",
    is_whole=True,
)
FORMATS: Mapping[str, Format] = {
    "macs": MACS,
    "params": PARAMS,
    "activation_bytes": BYTES,
    "peak_bytes": BYTES,
    "latency": MILLISECONDS,
}  # of what a budget or a space may limit


def show(value: float, quantity: str) -> str:
    """Write a value for people: show(15.126e9, "macs") == "15.13 GMACs"; memory of any other kind in bytes."""
    return FORMATS.get(quantity, BYTES).write(value)


def duration(value: float) -> str:
    """Write a number of seconds for people: duration(4000) == "1h 06m"."""
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes:02d}m"
    return f"{minutes}m {rest:02d}s" if minutes else f"{rest}s"
