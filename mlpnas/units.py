"""Quantities with units; the only file that knows them.

1 FLOP = 1 multiply-accumulate, as the vision papers print it, so `15GFLOPs` and `15GMACs` are the same budget.
"""

import re
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

SHARES = ("top1", "top5", "balanced_accuracy", "macro_f1")  # between 0 and 1, shown in percent
EXAMPLES = "15GFLOPs, 15GMACs, 800MMACs, 30Mparams, 2GiB, 12ms"


@dataclass(frozen=True)
class Limit:
    """An upper bound on one cost: `quantity` is macs, params, peak_bytes or latency (seconds)."""

    quantity: str
    value: float

    @classmethod
    def parse(cls, text: object) -> "Limit":
        """`15GFLOPs` -> Limit("macs", 15e9).

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
    """`30m` -> 1800.0; a duration needs a unit: s, m or min, h, d.

    Raises:
        UnitError: not a positive number with one of these.
    """
    remedy = "write a duration like 90s, 30m or 2h"
    number, unit = _split(text, remedy)
    if unit not in _SECONDS:
        raise UnitError(f"{quoted(text)} has no unit of time; {remedy}")
    return _bounded(text, number * _SECONDS[unit], _LONGEST, remedy)


def count(text: object) -> float:
    """`100M` -> 1e8: a plain count with an optional prefix k, M, G, T.

    Raises:
        UnitError: anything else.
    """
    remedy = "write a count like 100M or 4.5G"
    number, unit = _split(text, remedy)
    if unit not in _PREFIX:
        raise UnitError(f"{quoted(text)} has the unknown prefix {unit!r}; {remedy}")
    return _bounded(text, number * _PREFIX[unit], _MOST, remedy)


def show(value: float, quantity: str) -> str:
    """A value for people: show(15.126e9, "macs") == "15.13 GMACs"."""
    if quantity == "latency":
        return f"{value * 1e3:.3g} ms"
    if quantity in SHARES:
        return f"{100 * value:.1f} %"
    if quantity.endswith("bytes"):
        return _scaled(value, (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)), "B")
    unit = {"macs": "MACs", "params": "params"}.get(quantity, quantity)
    return _scaled(value, (("G", 1e9), ("M", 1e6), ("k", 1e3)), "", unit)


def _scaled(value: float, steps: tuple[tuple[str, float], ...], smallest: str, unit: str = "") -> str:
    for prefix, scale in steps:
        if value >= scale:
            return f"{value / scale:.4g} {prefix}{unit}"
    return f"{value:.4g} {smallest}{unit}".rstrip()


def duration(value: float) -> str:
    """A number of seconds for people: duration(4000) == "1h 06m"."""
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes:02d}m"
    return f"{minutes}m {rest:02d}s" if minutes else f"{rest}s"
