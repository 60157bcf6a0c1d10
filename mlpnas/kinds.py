"""Kinds of values: a number between two limits, one of a few words, an image size, a short text.

A field declares its kind (in a dataclass's annotation, in the grammar of space files, in a layer's constructor); all
readers check values and word their refusal here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import Parameter
from math import isfinite
from typing import Annotated, Any, Literal, get_args, get_origin

from mlpnas.plain_text import quoted


@dataclass(frozen=True)
class Number:
    """A number from `least` to `most`, whole or not; `none` allows the word null."""

    whole: bool = True
    least: float = 1
    most: float = 1_000_000
    none: bool = False

    def fits(self, value: object) -> bool:
        if value is None:
            return self.none
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not self.least <= value <= self.most:
            return False
        return not self.whole or value == int(value)

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {_show(self.least)} to {_show(self.most)}" + (", or null" if self.none else "")


@dataclass(frozen=True)
class Word:
    """One of a few words, or of true and false."""

    words: tuple[str | int | float | bool | None, ...]

    def fits(self, value: object) -> bool:
        return any(value is word or (isinstance(word, str) and value == word) for word in self.words)

    def __str__(self) -> str:
        return "one of " + ", ".join(str(word).lower() for word in self.words)


@dataclass(frozen=True)
class Size:
    """Pixels of an image: one number for a square, or a list [height, width]."""

    most: float = 8192

    def fits(self, value: object) -> bool:
        sides = value if isinstance(value, (list, tuple)) and len(value) == 2 else [value]
        return all(Number(most=self.most).fits(side) for side in sides)

    def read(self, value: Any) -> int | tuple[int, int]:
        """Return a fitting value as ArchSpec stores it; equal sides become one number."""
        height, width = value if isinstance(value, (list, tuple)) else (value, value)
        return int(height) if height == width else (int(height), int(width))

    def __str__(self) -> str:
        return f"{Number(most=self.most)}, or [height, width]"


@dataclass(frozen=True)
class Text:
    """A short text."""

    most: int = 200

    def fits(self, value: object) -> bool:
        return isinstance(value, str) and len(value) <= self.most

    def __str__(self) -> str:
        return f"a text of at most {self.most} characters"


Kind = Number | Word | Size | Text
FLAG = Word((True, False))
_MEANT = {"yes": True, "on": True, "y": True, "no": False, "off": False, "n": False}  # their meaning in YAML 1.1


def refusal(kind: Kind, value: object) -> str:
    """Return the message for a value that does not fit: the kind expected, the value, the remedy."""
    hint = ""
    if isinstance(kind, Word) and True in kind.words and isinstance(value, str):
        meant = {**_MEANT, "true": True, "false": False}.get(value.lower())
        hint = "" if meant is None else f"; write {str(meant).lower()}"
    elif isinstance(kind, Number) and isinstance(value, str) and _is_number(value):
        hint = "; write it without quotes"
    return f"expected {kind}; got {quoted(value)}{hint}"


def of_annotation(annotation: Any) -> Kind | None:
    """Return the kind that a field's annotation declares, or None."""
    if get_origin(annotation) is Annotated:
        return next((extra for extra in annotation.__metadata__ if isinstance(extra, Kind)), None)
    if get_origin(annotation) is Literal:
        return Word(get_args(annotation))
    return FLAG if annotation is bool else None


def of_option(parameter: Parameter) -> Kind:
    """Return the kind of a layer's option: a parameter annotated int, float, bool, str, Literal or Annotated."""
    annotation = parameter.annotation
    return of_annotation(annotation) or _OPTIONS.get(annotation, Number(whole=False, least=0, most=1000))


# whole numbers are kernels, shifts, windows and channels of a head; all others are factors of the width
_OPTIONS: Mapping[Any, Kind] = {int: Number(most=4096), str: Text()}


def _is_number(text: str) -> bool:
    try:
        return len(text) < 100 and isfinite(float(text))
    except ValueError:
        return False


def _show(limit: float) -> str:
    """Return a limit as text: 65536, 0.01."""
    return str(int(limit)) if limit == int(limit) and limit < 1e9 else f"{limit:g}"
