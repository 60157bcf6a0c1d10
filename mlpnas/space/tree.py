"""The tree of questions of a space. Answering them gives plain values; earlier answers decide which are asked.

Fixed(value)                   no question
Choose(path, options)          one question; each option has a label and what follows from it
LayerNode(name, options)       a plug-in whose options may hold questions
Fields({name: node})           a level; its `variant` brings the fields of the chosen alternative
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

from mlpnas.named import Scalar
from mlpnas.spec import Layer

Answers = dict[str, Scalar]


@dataclass(frozen=True)
class Fixed:
    value: Any


@dataclass(frozen=True)
class Option:
    label: Scalar
    node: "Node"


@dataclass(frozen=True)
class Choose:
    """A question; `path` names it in answers: stage2.mixer.axial_shift.shift_size."""

    path: str
    options: tuple[Option, ...]

    @cached_property
    def labels(self) -> tuple[Scalar, ...]:
        return tuple(option.label for option in self.options)

    @cached_property
    def ordered(self) -> tuple[Scalar, ...]:
        """The labels in their order, if all are numbers (width, depth, ratio, shift size); else none."""
        numbers = [label for label in self.labels if isinstance(label, (int, float)) and not isinstance(label, bool)]
        return tuple(sorted(numbers)) if len(numbers) == len(self.labels) else ()

    def option(self, label: Scalar) -> Option:
        return self.options[self.labels.index(label)]


@dataclass(frozen=True)
class LayerNode:
    """A layer; options that equal their `defaults` are left out, so that an architecture has one key."""

    name: str
    options: Mapping[str, "Node"]
    defaults: Mapping[str, Scalar]

    def layer(self, values: Mapping[str, Scalar]) -> Layer:
        return Layer.of(self.name, **{key: value for key, value in values.items() if value != self.defaults[key]})


@dataclass(frozen=True)
class Fields:
    nodes: Mapping[str, "Node"]


Node = Fixed | Choose | LayerNode | Fields
Pick = Callable[[Choose], Scalar]


def resolve(node: Node, pick: Pick) -> Any:
    """Return the value of a node, asking `pick` every question on the way, in the order of the file."""
    match node:
        case Fixed(value):
            return value
        case Choose():
            return resolve(node.option(pick(node)).node, pick)
        case LayerNode(_, options):
            return node.layer({key: resolve(child, pick) for key, child in options.items()})
        case Fields(nodes):
            return _merge_variant({name: resolve(child, pick) for name, child in nodes.items()})


def _merge_variant(values: dict[str, Any]) -> dict[str, Any]:
    return values.pop("variant", {}) | values


def count(node: Node) -> int:
    """Return the number of different sets of answers of a node."""
    match node:
        case Fixed():
            return 1
        case Choose():
            return sum(count(option.node) for option in node.options)
        case LayerNode(_, children) | Fields(children):
            return prod(count(child) for child in children.values())


def outcomes(node: Node) -> Iterator[tuple[Answers, Any]]:
    """Yield every (answers, value) of a node, without repeats."""
    match node:
        case Fixed(value):
            yield {}, value
        case Choose(path, options):
            for option in options:
                for answers, value in outcomes(option.node):
                    yield {path: option.label, **answers}, value
        case LayerNode(_, children):
            for answers, values in _combine(children):
                yield answers, node.layer(values)
        case Fields(children):
            for answers, values in _combine(children):
                yield answers, _merge_variant(values)


def _combine(children: Mapping[str, Node]) -> Iterator[tuple[Answers, dict[str, Any]]]:
    for row in product(*(list(outcomes(child)) for child in children.values())):
        answers = {path: label for part, _ in row for path, label in part.items()}
        yield answers, dict(zip(children, (value for _, value in row), strict=True))


def questions(node: Node) -> Iterator[Choose]:
    """Yield every question of a node, whether asked or not, in the order of the file."""
    match node:
        case Choose(_, options):
            yield node
            for option in options:
                yield from questions(option.node)
        case LayerNode(_, children) | Fields(children):
            for child in children.values():
                yield from questions(child)
