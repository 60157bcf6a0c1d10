"""Reading of files that people write into plain values: YAML 1.2 (core schema) and JSON.

In YAML 1.2, 1e-3 and 010 are numbers (0.001 and 10), no, on and 1:20 are text, and only true and false are truth
values. Every value keeps its line, so that messages can name it.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from mlpnas.errors import Problem, TextError
from mlpnas.plain_text import quoted, shortened

_MOST_BYTES = 500_000  # of a file
_MOST_VALUES = 10_000  # of a YAML document, with all aliases followed
_DEEPEST = 50  # levels of values within values
_MOST_DIGITS = 30  # of a whole number
_MOST_PROBLEMS = 100


@dataclass(frozen=True)
class Item:
    """A value and its line; `value` is a scalar, a list of Items or a dict of Items."""

    value: Any
    line: int

    def plain(self) -> Any:
        """Return the value without lines."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value


def read_text(path: Path) -> str:
    """Return the text of a file that a person wrote.

    Raises:
        TextError: it is no file, too large, or not UTF-8.
    """
    try:
        if not path.is_file():
            _refuse("no such file" if not path.exists() else "is no file")
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        _refuse(f"cannot be read ({shortened(getattr(error, 'strerror', None) or str(error))})")
    if len(content) > _MOST_BYTES:
        _refuse(f"is larger than {_MOST_BYTES // 1000} kB, the most for a file of this kind")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        _refuse(f"is not UTF-8 text (byte {content[error.start]:#04x} at {error.start}); save it as UTF-8")


def parse_json(text: str) -> Any:
    """Return the value of a JSON text; repeated names, NaN and Infinity are refused.

    Raises:
        TextError: it is not valid.
    """
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        _refuse(f"{error.msg} (column {error.colno})", error.lineno)
    except RecursionError:
        _refuse("values are nested too deeply")


def parse_yaml(text: str) -> Item:
    """Return the value of one YAML document.

    Raises:
        TextError: it is no YAML, or has repeated keys, keys that are no words, tags, or numbers that are not finite.
    """
    if len(text) > _MOST_BYTES:
        _refuse(f"more than {_MOST_BYTES:,} characters")
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        text = text.replace("\t", " ")  # JSON may be indented by tabs, which PyYAML refuses
    try:
        node = _Loader(text).get_single_node()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        _refuse(f"not valid YAML: {shortened(problem)}", mark.line + 1 if mark else 1)
    if node is None:
        return Item(None, 1)
    if _count_nodes(node, {}) > 2 * _MOST_VALUES:  # keys are nodes too
        _refuse(f"its aliases unfold to more than {_MOST_VALUES} values")
    reading = _Reading()
    item = reading.item(node, "", frozenset())
    if reading.problems:
        raise TextError(reading.problems)
    return item


def _refuse(text: str, line: int = 0) -> NoReturn:
    raise TextError([Problem(line, "", text)]) from None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            _refuse(f"{quoted(name)} stands twice in an object; keep one")
        found[name] = value
    return found


def _refuse_constant(word: str) -> NoReturn:
    _refuse(f"{word} is no number that can be used; write a finite one")


def _int(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        _refuse(_too_long(digits))
    return int(digits)


def _float(digits: str) -> float:
    if not abs(value := float(digits)) < float("inf"):
        _refuse(_too_long(digits))
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_refuse_constant, parse_int=_int, parse_float=_float
)


def _too_long(digits: str) -> str:
    return f"{shortened(digits, 40)} is too long or too large for a number that can be used"


class _Loader(yaml.SafeLoader):
    """PyYAML with the scalars of YAML 1.2's core schema, without tags, and with a limit on depth."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012
    _depth = _nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        self._depth += 1
        self._nodes += 1
        if getattr(event, "tag", None) is not None:
            self._refuse(f"tags like {shortened(event.tag, 40)} are not read; write the value alone")
        if self._depth > _DEEPEST:
            self._refuse(f"values are nested more than {_DEEPEST} levels deep")
        if self._nodes > 2 * _MOST_VALUES:
            self._refuse(f"more than {_MOST_VALUES} values")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def _refuse(self, what: str) -> NoReturn:
        raise yaml.composer.ComposerError(None, None, what, self.peek_event().start_mark)


_NULL, _FLAG, _WHOLE, _DECIMAL = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))
_SCHEMA = (  # https://yaml.org/spec/1.2.2/#1032-tag-resolution
    (_NULL, r"(?:null|Null|NULL|~|)", ["n", "N", "~", ""]),
    (_FLAG, r"(?:true|True|TRUE|false|False|FALSE)", list("tTfF")),
    (_WHOLE, r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)", list("-+0123456789")),
    (_DECIMAL, r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    (_DECIMAL, r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))", list("-+.")),
)
for _tag, _pattern, _first in _SCHEMA:
    _Loader.add_implicit_resolver(_tag, re.compile(f"{_pattern}\\Z"), _first)


def _count_nodes(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the values with every alias followed: a few lines of nested aliases can stand for billions."""
    if id(node) not in known:
        known[id(node)] = 1  # an alias inside itself is refused later
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        children = [child for part in parts for child in (part if isinstance(part, tuple) else (part,))]
        known[id(node)] += sum(_count_nodes(child, known) for child in children)
    return known[id(node)]


class _Reading:
    """A converter of nodes into Items that collects all problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def report(self, node: yaml.Node, path: str, text: str) -> None:
        self.problems.append(Problem(node.start_mark.line + 1, path, text))
        if len(self.problems) == _MOST_PROBLEMS:
            raise TextError(self.problems)

    def item(self, node: yaml.Node, path: str, parents: frozenset[int]) -> Item:
        line = node.start_mark.line + 1
        if id(node) in parents:
            self.report(node, path, "an alias that contains itself")
            return Item(None, line)
        parents = parents | {id(node)}
        if isinstance(node, yaml.MappingNode):
            return Item(self.mapping(node, path, parents), line)
        if isinstance(node, yaml.SequenceNode):
            parts = enumerate(node.value)
            return Item([self.item(part, f"{path}[{number}]", parents) for number, part in parts], line)
        assert isinstance(node, yaml.ScalarNode)
        return Item(self.scalar(node, path), line)

    def mapping(self, node: yaml.MappingNode, path: str, parents: frozenset[int]) -> dict[str, Item]:
        items: dict[str, Item] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.report(key_node, path, "a key must be a plain word")
                continue
            key, place = key_node.value, f"{path}.{shortened(key_node.value)}".lstrip(".")
            if key == "<<" and not key_node.style:
                self.report(key_node, path, "merge keys (<<) are no part of YAML 1.2; write the fields out")
                continue
            if key in items:
                self.report(key_node, place, "stands here twice; keep one")
            items[key] = Item(self.item(value_node, place, parents).value, key_node.start_mark.line + 1)
        return items

    def scalar(self, node: yaml.ScalarNode, path: str) -> Any:
        text = node.value
        if node.tag == _NULL:
            return None
        if node.tag == _FLAG:
            return text.lower() == "true"
        if node.tag not in (_WHOLE, _DECIMAL):
            return text
        if "n" in text.lower():  # .inf, .nan
            self.report(node, path, f"{text} is no number that can be used; write a finite one")
            return None
        is_whole = node.tag == _WHOLE
        if len(text) > _MOST_DIGITS * (1 if is_whole else 10):
            self.report(node, path, _too_long(text))
            return None
        value = int(text, {"0x": 16, "0o": 8}.get(text[:2], 10)) if is_whole else float(text)
        if abs(value) == float("inf"):
            self.report(node, path, _too_long(text))
        return value
