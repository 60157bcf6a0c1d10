"""Reading of JSON data into frozen dataclasses by their annotations; errors name the place."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from mlpnas.errors import SpecError, did_you_mean
from mlpnas.kinds import Kind, Number, Size, of_annotation, refusal
from mlpnas.plain_text import quoted

_MOST_ITEMS = 64  # in a list, like the stages of a network


def read(annotation: Any, data: Any, path: str) -> Any:
    """Return `data` as a value of an annotation; see `kinds`. A class with `from_json` reads itself.

    Raises:
        SpecError: it is none; names `path`.
    """
    if kind := of_annotation(annotation):
        return _read_value(kind, data, path)
    if get_origin(annotation) is tuple:
        return _read_list(get_args(annotation)[0], data, path)
    if not hasattr(annotation, "from_json"):
        return read_fields(annotation, data, path)
    try:
        return annotation.from_json(data)
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None


def read_fields(cls: Any, data: Any, path: str) -> Any:
    """Return a mapping as the frozen dataclass `cls`; raises as `read` does."""
    if not isinstance(data, Mapping):
        raise SpecError(f"{path}: expected a mapping, got {quoted(data)}")
    known = {field.name: field for field in fields(cls)}
    if extra := set(data) - set(known):
        name = min(map(str, extra))
        hint = did_you_mean(name, tuple(known))
        raise SpecError(f"{path}: has no field {quoted(name)}{hint}; it has {', '.join(known)}")
    if missing := [name for name, field in known.items() if field.default is MISSING and name not in data]:
        raise SpecError(f"{path}: {missing[0]!r} is missing")
    annotations = _annotations(cls)
    return cls(**{name: read(annotations[name], item, f"{path}.{name}") for name, item in data.items()})


@cache
def _annotations(cls: type) -> Mapping[str, Any]:
    return get_type_hints(cls, include_extras=True)


def kind_of(cls: type, name: str) -> Kind:
    """Return the kind that a dataclass's field declares."""
    kind = of_annotation(_annotations(cls)[name])
    assert kind is not None, f"{cls.__name__}.{name} declares no kind"
    return kind


def _read_value(kind: Kind, data: Any, path: str) -> Any:
    if not kind.fits(data):
        raise SpecError(f"{path}: {refusal(kind, data)}")
    if isinstance(kind, Size):
        return kind.read(data)
    return int(data) if isinstance(kind, Number) and kind.whole and data is not None else data


def _read_list(annotation: Any, data: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(data, (list, tuple)):
        raise SpecError(f"{path}: expected a list, got {quoted(data)}")
    if len(data) > _MOST_ITEMS:
        raise SpecError(f"{path}: {len(data)} are given; the most is {_MOST_ITEMS}")
    return tuple(read(annotation, item, f"{path}[{number}]") for number, item in enumerate(data))
