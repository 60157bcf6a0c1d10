"""Reading of the values of a space file into nodes of the tree; problems are collected."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlpnas.documents import Item
from mlpnas.errors import Problem, did_you_mean
from mlpnas.kinds import Kind, Number, Size, refusal
from mlpnas.named import Scalar
from mlpnas.nets.plan import has_fixed_grid
from mlpnas.plain_text import quoted
from mlpnas.space.catalogues import option_defaults, option_kinds, plugin_names
from mlpnas.space.grammar import Field, Group, Plugin
from mlpnas.space.tree import Choose, Fields, Fixed, LayerNode, Node, Option

VARIANT = "variant"
_MOST_PROBLEMS = 100


class TooManyProblems(Exception):
    """Raised at the 100th problem of a file, to stop reading it; caught in load.py."""


@dataclass
class Reader:
    """Reader of fields and values that collects problems instead of stopping at the first one.

    A node has two names: `path`, its place in the file, and `prefix`, its question in answers (stage2.depth).

    Attributes:
        free: true if every network must take any input size.
    """

    problems: dict[Problem, None] = field(default_factory=dict)  # a set that keeps its order
    lines: dict[str, int] = field(default_factory=dict)
    stage: int | None = None
    count: int = 1
    free: bool = False

    def report(self, item: Item, path: str, text: str) -> Fixed:
        self.problems[Problem(item.line, path, text)] = None
        if len(self.problems) == _MOST_PROBLEMS:
            raise TooManyProblems
        return Fixed(None)

    def read_mapping(self, item: Item, path: str, known: tuple[str, ...]) -> dict[str, Item]:
        """Return the known fields of a mapping and report the others."""
        if not isinstance(item.value, dict):
            self.report(item, path, f"expected a mapping with {', '.join(known)}; got {quoted(item.plain())}")
            return {}
        for name, child in item.value.items():
            if name not in known:
                where = f"{path}.{name}".lstrip(".")
                self.report(child, where, f"no such field{did_you_mean(name, known)}; known: {', '.join(known)}")
        return {name: child for name, child in item.value.items() if name in known}

    def read_fields(
        self, parent: Item, items: Mapping[str, Item], path: str, prefix: str, known: Mapping[str, Field]
    ) -> Fields:
        """Return the nodes of one level, including `variant`."""
        nodes: dict[str, Node] = {}
        for name, item in items.items():
            where, question = f"{path}.{name}".lstrip("."), f"{prefix}.{name}".lstrip(".")
            if name == VARIANT:
                nodes[name] = self.read_variant(item, where, question, known)
            elif name in known:
                nodes[name] = self.read_field(item, where, question, known[name])
        self.check_overlap(parent, path, nodes)
        return Fields(nodes)

    def check_overlap(self, parent: Item, path: str, nodes: Mapping[str, Node]) -> None:
        for option in _variants(Fields(nodes)):
            for name in sorted(set(names(option.node)) & set(nodes)):
                self.report(
                    parent, f"{path}.{name}".lstrip("."), f"stands beside variant and in its {option.label}; keep one"
                )

    def read_variant(self, item: Item, path: str, prefix: str, known: Mapping[str, Field]) -> Node:
        choices = self.read_choices(item, path)
        if not isinstance(choices, dict):
            return self.report(item, path, "write {choose: {name: {fields}, ...}}")
        options = []
        for label, child in choices.items():
            where = f"{path}.{label}"
            items = self.read_mapping(child, where, tuple(known))
            options.append(Option(label, self.read_fields(child, items, where, f"{prefix}.{label}", known)))
        return self.question(item, path, prefix, options)

    def read_field(self, item: Item, path: str, prefix: str, kind: Field) -> Node:
        if isinstance(kind, Group):
            return self.read_fields(item, self.read_mapping(item, path, tuple(kind.fields)), path, prefix, kind.fields)
        if isinstance(item.value, list) and not isinstance(kind, Size):
            return self.read_per_stage(item, path, prefix, kind)
        return self.read_node(item, path, prefix, kind)

    def read_node(self, item: Item, path: str, prefix: str, kind: Kind | Plugin) -> Node:
        if isinstance(kind, Plugin):
            return self.read_plugin(item, path, prefix, kind.catalogue)
        return self.read_scalar(item, path, prefix, kind)

    def read_per_stage(self, item: Item, path: str, prefix: str, kind: Kind | Plugin) -> Node:
        if self.stage is None:
            return self.report(
                item, path, "a plain list is one value per stage, in stages.each only; to ask write {choose: [...]}"
            )
        if len(item.value) != self.count:
            return self.report(
                item,
                path,
                f"one value per stage: {self.count} expected, {len(item.value)} given; to ask write {{choose: [...]}}",
            )
        return self.read_node(item.value[self.stage], f"{path}[{self.stage}]", prefix, kind)

    def read_choices(self, item: Item, path: str) -> dict[Any, Item] | list[Item] | None:
        """Return the options under `choose`, or None if the item is no question."""
        if not isinstance(item.value, dict) or "choose" not in item.value:
            return None
        inner = item.value["choose"].value
        if len(item.value) > 1:
            self.report(item, path, "choose stands alone; move the other words into its options")
        if not isinstance(inner, (dict, list)) or not inner:
            self.report(
                item, path, f"choose needs a list, got {quoted(item.value['choose'].plain())}; write {{choose: [...]}}"
            )
            return []
        return inner

    def question(self, item: Item, path: str, prefix: str, options: list[Option]) -> Node:
        seen: set[Scalar] = set()
        for option in options:
            if option.label in seen:
                self.report(item, path, f"{quoted(option.label)} is offered twice")
            seen.add(option.label)
        self.lines[prefix] = item.line
        return Choose(prefix, tuple(options)) if options else Fixed(None)

    def read_scalar(self, item: Item, path: str, prefix: str, kind: Kind) -> Node:
        choices = self.read_choices(item, path)
        if choices is None:
            return Fixed(self.read_value(item, path, kind))
        if isinstance(choices, dict):
            return self.report(item, path, "choose takes a list here; write {choose: [...]}")
        return self.question(item, path, prefix, [self.read_option(option, path, kind) for option in choices])

    def read_option(self, item: Item, path: str, kind: Kind) -> Option:
        value = self.read_value(item, path, kind)
        return Option("x".join(map(str, value)) if isinstance(value, tuple) else value, Fixed(value))

    def read_value(self, item: Item, path: str, kind: Kind) -> Any:
        value = item.plain()
        if not kind.fits(value):
            self.report(item, path, refusal(kind, value))
            return None
        if isinstance(kind, Size):
            return kind.read(value)
        return int(value) if isinstance(kind, Number) and value is not None and value == int(value) else value

    def read_plugin(self, item: Item, path: str, prefix: str, catalogue: str) -> Node:
        choices = self.read_choices(item, path)
        if choices is None:
            return self.read_layer(item, path, prefix, catalogue)
        named = choices.items() if isinstance(choices, dict) else [(child.plain(), child) for child in choices]
        options = [self.layer_option(label, child, path, prefix, catalogue) for label, child in named]
        return self.question(item, path, prefix, options)

    def layer_option(self, label: Any, item: Item, path: str, prefix: str, catalogue: str) -> Option:
        if isinstance(label, str) and item.value == label:
            return Option(label, self.node_of(label, item, path, prefix, catalogue, {}))
        if not isinstance(label, str):
            self.report(item, path, f"expected a name of {catalogue}; got {quoted(label)}")
            return Option(quoted(label), Fixed(None))
        return Option(label, self.node_of(label, item, path, prefix, catalogue, self.options(item, f"{path}.{label}")))

    def read_layer(self, item: Item, path: str, prefix: str, catalogue: str) -> Node:
        if isinstance(item.value, str):
            return self.node_of(item.value, item, path, prefix, catalogue, {})
        if isinstance(item.value, dict) and len(item.value) == 1:
            ((name, child),) = item.value.items()
            return self.node_of(name, child, path, prefix, catalogue, self.options(child, f"{path}.{name}"))
        return self.report(
            item, path, f"expected a name, {{name: {{option: value}}}} or {{choose: ...}}; got {quoted(item.plain())}"
        )

    def options(self, item: Item, path: str) -> dict[str, Item]:
        if item.value is None:
            return {}
        if isinstance(item.value, dict):
            return item.value
        self.report(item, path, f"expected its options as a mapping; got {quoted(item.plain())}")
        return {}

    def node_of(self, name: str, item: Item, path: str, prefix: str, catalogue: str, given: Mapping[str, Item]) -> Node:
        known = plugin_names(catalogue)
        if name not in known:
            return self.report(
                item,
                path,
                f"no {catalogue.removesuffix('s')} is called {quoted(name)}{did_you_mean(name, known)}; "
                f"known: {', '.join(known)}",
            )
        if self.free and catalogue == "mixers" and has_fixed_grid(name):
            self.report(item, path, _grid_refusal(name, known))
        kinds = option_kinds(catalogue, name)
        nodes: dict[str, Node] = {}
        for option, child in given.items():
            where = f"{path}.{name}.{option}"
            if option in kinds:
                nodes[option] = self.read_scalar(child, where, f"{prefix}.{name}.{option}", kinds[option])
            else:
                has = f"it has {', '.join(kinds)}" if kinds else "it has none"
                self.report(child, where, f"{name} has no such option{did_you_mean(option, tuple(kinds))}; {has}")
        return LayerNode(name, nodes, option_defaults(catalogue, name))


def _grid_refusal(mixer: str, known: tuple[str, ...]) -> str:
    free = ", ".join(name for name in known if not has_fixed_grid(name))
    return (
        f"the weights of {mixer} belong to one grid, and resolution: free wants networks for any input size; "
        f"take one of {free}, or leave resolution out"
    )


def names(node: Node) -> set[str]:
    """Return the names of the fields that a level sets, including those of its variant."""
    if not isinstance(node, Fields):
        return set()
    return {name for option in _variants(node) for name in names(option.node)} | (set(node.nodes) - {VARIANT})


def without(node: Fields, name: str) -> list[str]:
    """Return the alternatives of a level's variant that lack the field `name`."""
    if name in node.nodes:
        return []
    return [str(option.label) for option in _variants(node) if name not in names(option.node)]


def _variants(node: Fields) -> tuple[Option, ...]:
    variant = node.nodes.get(VARIANT)
    return variant.options if isinstance(variant, Choose) else ()
