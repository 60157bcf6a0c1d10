"""JSON data -> frozen dataclasses, by their annotations; every mistake is named with its place."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from mlpnas.errors import SpecError


def read(kind: Any, data: Any, path: str) -> Any:
    """`data`, found at `path`, as a value of the annotation `kind`.

    Integers must be positive and numbers at least 0. A class with a function `from_json` reads itself.

    Raises:
        SpecError: it is none.
    """
    if data is None and type(None) in get_args(kind):
        return None
    if kind in _READERS:
        return _READERS[kind](data, path)
    if get_origin(kind) is Literal:
        return _word(get_args(kind), data, path)
    if get_origin(kind) is tuple:
        return _many(get_args(kind)[0], data, path)
    if not hasattr(kind, "from_json"):
        return read_fields(kind, data, path)
    try:
        return kind.from_json(data)
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None


def read_fields(cls: Any, data: Any, path: str) -> Any:
    """A mapping as the frozen dataclass `cls`; raises as `read` does."""
    if not isinstance(data, Mapping):
        raise SpecError(f"{path}: expected a mapping, got {data!r}")
    known = {field.name: field for field in fields(cls)}
    if extra := set(data) - set(known):
        raise SpecError(f"{path}: has no field {sorted(map(str, extra))[0]!r}; it has {', '.join(known)}")
    if missing := [name for name, field in known.items() if field.default is MISSING and name not in data]:
        raise SpecError(f"{path}: {missing[0]!r} is missing")
    kinds = _kinds(cls)
    return cls(**{name: read(kinds[name], item, f"{path}.{name}") for name, item in data.items()})


@cache
def _kinds(cls: type) -> Mapping[str, Any]:
    return get_type_hints(cls)


def _word(words: tuple[str, ...], data: Any, path: str) -> str:
    if data not in words:
        raise SpecError(f"{path}: {data!r} is not one of {', '.join(words)}")
    return str(data)


def _many(kind: Any, data: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(data, (list, tuple)):
        raise SpecError(f"{path}: expected a list, got {data!r}")
    return tuple(read(kind, item, f"{path}[{number}]") for number, item in enumerate(data))


def _integer(data: Any, path: str) -> int:
    if isinstance(data, bool) or not isinstance(data, (int, float)) or data != int(data) or data < 1:
        raise SpecError(f"{path}: expected a positive integer, got {data!r}")
    return int(data)


def _number(data: Any, path: str) -> float:
    if isinstance(data, bool) or not isinstance(data, (int, float)) or not 0 <= data < 1e6:
        raise SpecError(f"{path}: expected a number of at least 0, got {data!r}")
    return data


def _flag(data: Any, path: str) -> bool:
    if not isinstance(data, bool):
        raise SpecError(f"{path}: expected true or false, got {data!r}")
    return data


def _size(data: Any, path: str) -> int | tuple[int, int]:
    if isinstance(data, (list, tuple)) and len(data) == 2:
        return _integer(data[0], path), _integer(data[1], path)
    return _integer(data, path)


_READERS: Mapping[Any, Any] = {
    int: _integer,
    int | None: _integer,
    float: _number,
    float | None: _number,
    bool: _flag,
    int | tuple[int, int]: _size,
}
