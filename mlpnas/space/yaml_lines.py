"""YAML with the line of every value, so that a mistake can be named where it stands. Safe: builds plain data only."""

from dataclasses import dataclass
from typing import Any

import yaml

from mlpnas.errors import Problem, SpaceError

_LARGEST = 100_000


@dataclass(frozen=True)
class Item:
    """A YAML value and its line; `value` is a scalar, a list of Items or a dict of Items."""

    value: Any
    line: int

    def plain(self) -> Any:
        """The value without lines."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value


def parse(text: str, source: str) -> Item:
    """Read one YAML document.

    Raises:
        SpaceError: no YAML, a repeated key, a key that is no word, or a value of a kind a space has no use for.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        text = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SpaceError(source, [Problem(line, "", f"not valid YAML: {text}")]) from None
    if node is None:
        raise SpaceError(source, [Problem(1, "", "the file is empty; `mlpnas space show quick` shows a whole one")])
    problems: list[Problem] = []
    if _unfolded(node, {}) > _LARGEST:
        raise SpaceError(source, [Problem(1, "", f"its aliases unfold to more than {_LARGEST} values")])
    item = _item(node, "", problems, set())
    if problems:
        raise SpaceError(source, problems)
    return item


def _unfolded(node: yaml.Node, known: dict[int, int]) -> int:
    """Number of values once every alias is followed: a few lines of aliases of aliases can stand for billions."""
    if id(node) not in known:
        known[id(node)] = 1  # an alias inside itself is refused later
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        children = [child for part in parts for child in (part if isinstance(part, tuple) else (part,))]
        known[id(node)] += sum(_unfolded(child, known) for child in children)
    return known[id(node)]


def _item(node: yaml.Node, path: str, problems: list[Problem], open_nodes: set[int]) -> Item:
    line = node.start_mark.line + 1
    if id(node) in open_nodes:
        problems.append(Problem(line, path, "an alias that contains itself"))
        return Item(None, line)
    open_nodes = open_nodes | {id(node)}
    match node:
        case yaml.MappingNode():
            return Item(_mapping(node, path, problems, open_nodes), line)
        case yaml.SequenceNode():
            parts = enumerate(node.value)
            return Item([_item(part, f"{path}[{i}]", problems, open_nodes) for i, part in parts], line)
    return Item(_scalar(node, path, problems), line)


def _mapping(node: yaml.MappingNode, path: str, problems: list[Problem], open_nodes: set[int]) -> dict[str, Item]:
    items: dict[str, Item] = {}
    for key_node, value_node in node.value:
        key, line = key_node.value, key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag.endswith(":merge"):
            problems.append(Problem(line, path, "a key must be a plain word"))
            continue
        if key in items:
            problems.append(Problem(line, f"{path}.{key}".lstrip("."), "stands here twice; keep one"))
        value = _item(value_node, f"{path}.{key}".lstrip("."), problems, open_nodes)
        items[key] = Item(value.value, line)
    return items


def _scalar(node: yaml.Node, path: str, problems: list[Problem]) -> Any:
    try:
        value = yaml.SafeLoader("").construct_object(node)
    except yaml.YAMLError:
        value = ...
    if value is not None and not isinstance(value, (str, int, float, bool)):
        problems.append(Problem(node.start_mark.line + 1, path, f"{node.value!r} is no text, number, true or false"))
        return None
    return value
