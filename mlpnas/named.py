"""A plug-in by name, with the options that are given to it: the form that specs, space files and options share.

As JSON and YAML: `"random"` or `{"random": {"stratify": true}}`; as a text: `random` or `random:stratify=true`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from mlpnas.documents import parse_yaml
from mlpnas.errors import SpecError, TextError
from mlpnas.kinds import Number, Text
from mlpnas.plain_text import quoted

Scalar = str | int | float | bool | None

_WORD, _NUMBER = Text(), Number(whole=False, least=-1e18, most=1e18)
_REMEDY = "write a name, or name:option=value,option=value"


@dataclass(frozen=True)
class Named:
    """A name and options, sorted by their names."""

    name: str
    options: tuple[tuple[str, Scalar], ...] = ()

    def __eq__(self, other: object) -> bool:
        """Return whether both are the same in JSON, where 1 and true differ."""
        if not isinstance(other, Named) or type(other) is not type(self):
            return False
        if (self.name, self.options) != (other.name, other.options):
            return False
        both = zip(self.options, other.options, strict=True)
        return all(isinstance(own, bool) is isinstance(theirs, bool) for (_, own), (_, theirs) in both)

    def __hash__(self) -> int:
        return hash((self.name, self.options))

    @classmethod
    def of(cls, name: str, /, **options: Scalar) -> Self:
        """Return `name` with these options."""
        return cls(name, tuple(sorted(options.items())))

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read a name or {name: {option: scalar}}; raises SpecError for anything else."""
        match data:
            case str():
                return cls(data)
            case dict() if len(data) == 1:
                ((name, options),) = data.items()
                if isinstance(name, str) and _is_options(options):
                    return cls(name, tuple(sorted((options or {}).items())))
        raise SpecError(f'expected "name" or {{"name": {{option: value}}}}, got {quoted(data)}')

    @classmethod
    def read(cls, value: Any) -> Self:
        """Read a name with options as people give it: as a text, as a mapping, or read already.

        Raises:
            SpecError: it is none of these.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls.parse(value)
        return cls.from_json(dict(value) if isinstance(value, Mapping) else value)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name` or `name:option=value,option=value`; values as in YAML 1.2: true, null, 3, 1e-3, a word.

        An option without `=` is the one called "": `optuna:GPSampler` is `{optuna: {"": GPSampler}}`; whoever knows
        the plug-in knows the name of its first option.

        Raises:
            SpecError: an option that is empty or given twice, or a value that is no scalar.
        """
        name, _, rest = text.partition(":")
        options: dict[str, Scalar] = {}
        for part in rest.replace(":", ",").split(",") if rest else ():
            option, sign, value = part.strip().rpartition("=")
            if option in options or bool(sign) is not bool(option) or not value:
                raise SpecError(f"{quoted(text)}: {quoted(part)} is no option; {_REMEDY}")
            options[option] = _scalar(value, text)
        if not name or (":" in text and not options):
            raise SpecError(f"{quoted(text)}: {_REMEDY}")
        return cls.of(name, **options)

    def to_json(self) -> Any:
        is_text = self.name and ":" not in self.name and not self.options  # so that `parse` reads it, too
        return self.name if is_text else {self.name: dict(self.options)}

    def __str__(self) -> str:
        inner = ", ".join(f"{name}={word(value)}" for name, value in self.options)
        return f"{self.name}({inner})" if inner else self.name


def word(value: object) -> str:
    """Return an option's value as people write it: true, false, null, or itself."""
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def _scalar(text: str, whole: str) -> Scalar:
    try:
        value = parse_yaml(text).plain()
    except TextError:
        value = text  # a word that YAML reads otherwise, like a path with a colon
    if not _is_scalar(value):
        raise SpecError(f"{quoted(whole)}: {quoted(text)} is no number, word or truth value; {_REMEDY}")
    return value


def _is_options(data: Any) -> bool:
    """Return whether these are options at all; the plug-in itself says which it has and what they take."""
    if not isinstance(data, dict):
        return data is None
    return all(map(_WORD.fits, data)) and all(map(_is_scalar, data.values()))


def _is_scalar(data: Any) -> bool:
    return data is None or isinstance(data, bool) or _NUMBER.fits(data) or _WORD.fits(data)
