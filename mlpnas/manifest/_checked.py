"""Reading of run.json, field by field, by the annotations of frozen dataclasses."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from mlpnas.options import options_of
from mlpnas.plain_text import quoted, shortened
from mlpnas.search_options import SearchOptions

_MOST = 2**63 - 1
_DEEPEST = 20
_WORDS = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple: "a list",
    Mapping: "a mapping",
}
_MISSING = object()
_INNER: Mapping[str, Mapping[str, Any]] = {  # what the fields hold that have no types of their own
    "decided.data": {"source": str, "path": str, "seed": int},
    "found.data": {
        "name": str,
        "fingerprint": str,
        "classes": tuple[str, ...],
        "size": tuple[int, ...],
        "chance": float,
        "mean": tuple[float, ...],
        "std": tuple[float, ...],
    },
}


def read_fields(cls: type, data: Any, path: str = "") -> dict[str, Any]:
    """Return values by the annotations of `cls`; raises ValueError if a field is missing or of another type."""
    if not isinstance(data, dict):
        raise ValueError(f"{path.rstrip('.')}: expected a mapping, got {quoted(data)}")
    kinds, found = get_type_hints(cls), {}
    for f in fields(cls):
        name = f"{path}{f.name}"
        if f.name in data:
            found[f.name] = read(kinds[f.name], data[f.name], name)
            for inner, kind in _INNER.get(name, {}).items():
                read(kind, data[f.name].get(inner, _MISSING), f"{name}.{inner}")
        elif f.default is MISSING and f.default_factory is MISSING:
            raise ValueError(f"{f.name!r} is missing")
    return found


def read(kind: Any, data: Any, path: str) -> Any:
    """Return `data` as a value of the annotation `kind`; raises ValueError if it is none."""
    if data is _MISSING or (data is None and type(None) in get_args(kind)):
        return None
    if kind is SearchOptions:
        return read_options(data)
    if is_dataclass(kind) and isinstance(kind, type):
        return kind(**read_fields(kind, data, f"{path}."))
    if isinstance(kind, UnionType):
        kind = get_args(kind)[0]
    if get_origin(kind) is Mapping and isinstance(data, dict):
        inner = get_args(kind)[1]
        return {_text(name, path): read(inner, item, f"{path}.{shortened(name)}") for name, item in data.items()}
    if get_origin(kind) is tuple and isinstance(data, list):
        return tuple(read(get_args(kind)[0], item, f"{path}[{number}]") for number, item in enumerate(data))
    if kind is Any:
        _check_plain(data, path, _DEEPEST)
        return data
    if kind in (int, float) and (not isinstance(data, bool)) and isinstance(data, (int, kind)):
        least = -_MOST if path.startswith("decided.reference.") else 0
        if not least <= data <= _MOST:
            raise ValueError(f"{path}: expected a number from {least} to {_MOST}, got {quoted(data)}")
        return data
    if kind is str and isinstance(data, str):
        return _text(data, path)
    if kind is bool and isinstance(data, bool):
        return data
    raise ValueError(f"{path}: expected {_WORDS.get(get_origin(kind) or kind)}, got {quoted(data)}")


def read_options(data: Any) -> SearchOptions:
    """Return the options that the manifest keeps; those of a later version are passed over."""
    if not isinstance(data, dict):
        raise ValueError(f"asked: expected a mapping, got {quoted(data)}")
    _check_plain(data, "asked", _DEEPEST)
    known = options_of(SearchOptions)
    return SearchOptions(**{name: value for name, value in data.items() if name in known and known[name].is_recorded})


def _check_plain(data: Any, path: str, depth: int) -> None:
    """Raise ValueError if JSON data nest too deep or hold numbers that a computer does not."""
    if depth == 0:
        raise ValueError(f"{path}: lists and mappings stand in each other more than {_DEEPEST} deep")
    for item in (*data, *data.values()) if isinstance(data, dict) else data if isinstance(data, list) else ():
        _check_plain(item, path, depth - 1)
    if isinstance(data, str):
        _text(data, path)
    if isinstance(data, (int, float)) and not -_MOST <= data <= _MOST:
        raise ValueError(f"{path}: {quoted(data)} is too large a number")


def _text(data: str, path: str) -> str:
    """Return a text; raises ValueError for one that UTF-8 cannot write, half of a UTF-16 pair."""
    if not data.isascii() and any("\ud800" <= c <= "\udfff" for c in data):
        raise ValueError(f"{path}: {quoted(data)} is no text")
    return data


def refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no number")
