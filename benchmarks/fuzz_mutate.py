"""Damage to valid inputs: to bytes, words and JSON values."""

import json
import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from random import Random
from typing import Any

# fmt: off
_NUMBERS = (0, -1, 1, 2, 3.5, 1e-3, 1e-320, 1000, 4096, 8192, 65_536, 10**6, 10**7)
_NUMBERS += (2**31, 2**63, 10**18, 1e19, 10**40, 1e308, -1e308)
_WORDS = (
    "", "name", "cls", "self", "dim", "grid", "none", "null", "no", "1:20", "010", "../../x", "=1+1",
    "\x1b[31m", "a\0b",
)
_DEEP: Any = 1
for _ in range(60):
    _DEEP = [_DEEP]
_VALUES: tuple[Any, ...] = (
    *_NUMBERS, *_WORDS, None, True, False, [], {}, [1, 2], {"a": 1}, _DEEP, "x" * 3000, [1] * 300,
)
_RAW = (
    "NaN", "Infinity", "-Infinity", "9" * 5000, "1e999", "-0.0", "0x1f", '"\\ud800"', "[" * 3000, "[[[[", '"a": 1', ",",
)
_TOKENS = (
    *map(str, _NUMBERS), *_RAW, "1e-3", ".inf", ".nan", "~", "yes", "!!bool x", "!!python/object:os.system x",
    "!!binary aGk=", "&a", "*a", "<<: *a", "&b [*b]", "{choose: [1, 2]}", "{choose: {a: 1}}", "{choose: [null, 0.1]}",
    "[", "]", "{", "}", ":", "-", "'", '"', "|", ">", "#", "%", "@", "`", "\t", "\r\n", "\n", "\ufeff", "\x00",
    "\ud800", "\u202e", "\u00b2", "\u0663", "---", "...", "variant: {choose: {a: {depth: 1}, b: {}}}",
    "{choose: [" + ", ".join(map(str, range(1, 400))) + "]}", "x" * 3000,
)
_UNITS = (
    "GFLOPs", "MMACs", "kparams", "GiB", "ms", "us", "h", "d", "T", "G", "M", "\u00b2", " ", "+", "-", ".", "e9",
    "e400", "x", ",",
)
# fmt: on
_WORD = re.compile(r"[\w.+-]+")

Mutator = Callable[[Random, Any, Sequence[Any]], Any]


def mutate(rng: Random, inputs: Sequence[Any], mutators: Sequence[Mutator]) -> Any:
    """Return a valid input, damaged one to four times, sometimes unchanged."""
    data = rng.choice(inputs)
    for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 2, 3, 4))):
        data = rng.choice(mutators)(rng, data, inputs)
    return data


def in_bytes(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Flip, delete, repeat, overwrite, cut off, or splice with another input."""
    start = rng.randrange(len(data) + 1)
    end = min(start + rng.choice((1, 1, 2, 4, 8, 64, 1000)), len(data))
    other = rng.choice(others)
    cut = rng.randrange(len(other) + 1)
    match rng.randrange(8):
        case 0 | 1 if data:
            place = rng.randrange(len(data))
            return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]
        case 2:
            return data[:start] + data[end:]
        case 3:
            return data[:end] + data[start:end] * rng.choice((1, 2, 50)) + data[end:]
        case 4:
            return data[:start] + rng.choice((b"\0", b"\xff", b"\x7f")) * (end - start) + data[end:]
        case 5:
            return data[:start]
        case 6:
            return data[:start] + other[cut : cut + end - start] + data[end:]
    return data[:start] + other[cut:]


def in_text(rng: Random, data: str, others: Sequence[str]) -> str:
    """Damage the bytes of a text; invalid UTF-8 becomes lone surrogates."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in (data, rng.choice(others))]
    return in_bytes(rng, encoded[0], encoded[1:]).decode("utf-8", "surrogateescape")


def in_words(rng: Random, data: str, others: Sequence[str]) -> str:
    """Replace a word by one with a meaning, or move, repeat and indent lines."""
    words = list(_WORD.finditer(data))
    if words and rng.random() < 0.7:
        word = rng.choice(words)
        by = rng.choice(_WORD.findall(rng.choice(others)) or [""]) if rng.random() < 0.3 else rng.choice(_TOKENS)
        return data[: word.start()] + by + data[word.end() :]
    lines = data.split("\n")
    place = rng.randrange(len(lines))
    match rng.randrange(5):
        case 0:
            del lines[place]
        case 1:
            lines[place:place] = [lines[place]] * rng.choice((1, 1, 500))
        case 2:
            lines[place] = " " * rng.randrange(5) + lines[place].lstrip()
        case 3:
            lines.insert(rng.randrange(len(lines)), lines.pop(place))
        case _:
            lines[place] += rng.choice(_TOKENS)
    return "\n".join(lines)


def in_units(rng: Random, data: str, others: Sequence[str]) -> str:
    """Replace, add or repeat a part of a quantity."""
    parts = re.findall(r"[0-9]+|[^0-9]+", data) or [""]
    place = rng.randrange(len(parts))
    by = rng.choice((*_UNITS, *map(str, _NUMBERS), *_RAW[:5], rng.choice(others)))
    parts[place : place + rng.randrange(2)] = [by] * rng.choice((1, 1, 1, 2, 100))
    return "".join(parts)


def in_json(rng: Random, data: str, others: Sequence[str]) -> str:
    """Replace, delete, rename, nest, copy or multiply a value; damage text that is no JSON as text."""
    try:
        tree = json.loads(data)
        places = list(_places(tree))
        holder, key = rng.choice(places)
    except (ValueError, IndexError, RecursionError):
        return in_words(rng, data, others)
    match rng.randrange(9):
        case 0 | 1 | 2:
            holder[key] = rng.choice(_VALUES)
        case 3:
            del holder[key]
        case 4 if isinstance(holder, dict):
            holder[rng.choice((*_WORDS, *(str(k) for _, k in places)))] = holder.pop(key)
        case 5:
            holder[key] = rng.choice(([holder[key]], {"a": holder[key]}, [holder[key]] * rng.choice((2, 20, 500))))
        case 6:
            source, name = rng.choice(places)
            holder[key] = deepcopy(source[name])
        case _:
            holder[key] = "<raw>"
            return json.dumps(tree).replace('"<raw>"', rng.choice(_RAW), 1)
    return json.dumps(tree, indent=rng.choice((None, 1, "\t")))


def _places(tree: Any) -> Any:
    """Return every (mapping, key) and (list, number) of a tree."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(items):
        yield tree, key
        yield from _places(value)
