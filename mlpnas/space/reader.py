"""Values of a space file -> nodes of the tree, with every problem on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlpnas.documents import Item
from mlpnas.errors import Problem, did_you_mean
from mlpnas.kinds import Kind, Number, Size, refusal
from mlpnas.named import Scalar
from mlpnas.nets.plan import locked
from mlpnas.plain_text import quoted
from mlpnas.space.catalogues import option_defaults, option_kinds, plugin_names
from mlpnas.space.grammar import Field, Group, Plugin
from mlpnas.space.tree import Choose, Fields, Fixed, LayerNode, Node, Option

VARIANT = "variant"
_MOST_PROBLEMS = 100


class TooManyProblems(Exception):
    """A file with so many problems that nobody reads on; caught where the file is read."""


@dataclass
class Reader:
    """Collects problems instead of stopping at the first one.

    A node has two names: `path`, where it stands in the file, and `prefix`, its question in answers (stage2.depth).

    Attributes:
        free: whether every network must take any input size.
    """

    problems: dict[Problem, None] = field(default_factory=dict)  # each once, in the order of finding
    lines: dict[str, int] = field(default_factory=dict)
    stage: int | None = None
    count: int = 1
    free: bool = False

    def problem(self, item: Item, path: str, text: str) -> Fixed:
        self.problems[Problem(item.line, path, text)] = None
        if len(self.problems) == _MOST_PROBLEMS:
            raise TooManyProblems
        return Fixed(None)

    def mapping(self, item: Item, path: str, known: tuple[str, ...]) -> dict[str, Item]:
        """The fields of a mapping that are known; the others are problems."""
        if not isinstance(item.value, dict):
            self.problem(item, path, f"expected a mapping with {', '.join(known)}; got {quoted(item.plain())}")
            return {}
        for name, child in item.value.items():
            if name not in known:
                where = f"{path}.{name}".lstrip(".")
                self.problem(child, where, f"no such field{did_you_mean(name, known)}; here stand {', '.join(known)}")
        return {name: child for name, child in item.value.items() if name in known}

    def fields(
        self, parent: Item, items: Mapping[str, Item], path: str, prefix: str, known: Mapping[str, Field]
    ) -> Fields:
        """The nodes of one level, `variant` included."""
        nodes: dict[str, Node] = {}
        for name, item in items.items():
            where, question = f"{path}.{name}".lstrip("."), f"{prefix}.{name}".lstrip(".")
            if name == VARIANT:
                nodes[name] = self.variant(item, where, question, known)
            elif name in known:
                nodes[name] = self.value(item, where, question, known[name])
        self.overlap(parent, path, nodes)
        return Fields(nodes)

    def overlap(self, parent: Item, path: str, nodes: Mapping[str, Node]) -> None:
        for option in _variants(Fields(nodes)):
            for name in sorted(set(names(option.node)) & set(nodes)):
                self.problem(
                    parent, f"{path}.{name}".lstrip("."), f"stands beside variant and in its {option.label}; keep one"
                )

    def variant(self, item: Item, path: str, prefix: str, known: Mapping[str, Field]) -> Node:
        choices = self.choices(item, path)
        if not isinstance(choices, dict):
            return self.problem(item, path, "write {choose: {name: {fields}, ...}}")
        options = []
        for label, child in choices.items():
            where = f"{path}.{label}"
            items = self.mapping(child, where, tuple(known))
            options.append(Option(label, self.fields(child, items, where, f"{prefix}.{label}", known)))
        return self.question(item, path, prefix, options)

    def value(self, item: Item, path: str, prefix: str, kind: Field) -> Node:
        if isinstance(kind, Group):
            return self.fields(item, self.mapping(item, path, tuple(kind.fields)), path, prefix, kind.fields)
        if isinstance(item.value, list) and not isinstance(kind, Size):
            return self.per_stage(item, path, prefix, kind)
        return self.one_value(item, path, prefix, kind)

    def one_value(self, item: Item, path: str, prefix: str, kind: Kind | Plugin) -> Node:
        if isinstance(kind, Plugin):
            return self.plugin(item, path, prefix, kind.catalogue)
        return self.scalar(item, path, prefix, kind)

    def per_stage(self, item: Item, path: str, prefix: str, kind: Kind | Plugin) -> Node:
        if self.stage is None:
            return self.problem(
                item, path, "a plain list is one value per stage, in stages.each only; to ask write {choose: [...]}"
            )
        if len(item.value) != self.count:
            return self.problem(
                item,
                path,
                f"one value per stage: {self.count} wanted, {len(item.value)} given; to ask write {{choose: [...]}}",
            )
        return self.one_value(item.value[self.stage], f"{path}[{self.stage}]", prefix, kind)

    def choices(self, item: Item, path: str) -> dict[Any, Item] | list[Item] | None:
        """What stands under `choose`, or None where nothing is asked."""
        if not isinstance(item.value, dict) or "choose" not in item.value:
            return None
        inner = item.value["choose"].value
        if len(item.value) > 1:
            self.problem(item, path, "choose stands alone; move the other words into its options")
        if not isinstance(inner, (dict, list)) or not inner:
            self.problem(
                item, path, f"choose needs a list, got {quoted(item.value['choose'].plain())}; write {{choose: [...]}}"
            )
            return []
        return inner

    def question(self, item: Item, path: str, prefix: str, options: list[Option]) -> Node:
        seen: set[Scalar] = set()
        for option in options:
            if option.label in seen:
                self.problem(item, path, f"{quoted(option.label)} is offered twice")
            seen.add(option.label)
        self.lines[prefix] = item.line
        return Choose(prefix, tuple(options)) if options else Fixed(None)

    def scalar(self, item: Item, path: str, prefix: str, kind: Kind) -> Node:
        choices = self.choices(item, path)
        if choices is None:
            return Fixed(self.checked(item, path, kind))
        if isinstance(choices, dict):
            return self.problem(item, path, "choose takes a list here; write {choose: [...]}")
        return self.question(item, path, prefix, [self.scalar_option(option, path, kind) for option in choices])

    def scalar_option(self, item: Item, path: str, kind: Kind) -> Option:
        value = self.checked(item, path, kind)
        return Option("x".join(map(str, value)) if isinstance(value, tuple) else value, Fixed(value))

    def checked(self, item: Item, path: str, kind: Kind) -> Any:
        value = item.plain()
        if not kind.fits(value):
            self.problem(item, path, refusal(kind, value))
            return None
        if isinstance(kind, Size):
            return kind.read(value)
        return int(value) if isinstance(kind, Number) and value is not None and value == int(value) else value

    def plugin(self, item: Item, path: str, prefix: str, catalogue: str) -> Node:
        choices = self.choices(item, path)
        if choices is None:
            return self.layer(item, path, prefix, catalogue)
        named = choices.items() if isinstance(choices, dict) else [(child.plain(), child) for child in choices]
        options = [self.layer_option(label, child, path, prefix, catalogue) for label, child in named]
        return self.question(item, path, prefix, options)

    def layer_option(self, label: Any, item: Item, path: str, prefix: str, catalogue: str) -> Option:
        if isinstance(label, str) and item.value == label:
            return Option(label, self.named(label, item, path, prefix, catalogue, {}))
        if not isinstance(label, str):
            self.problem(item, path, f"expected a name of {catalogue}; got {quoted(label)}")
            return Option(quoted(label), Fixed(None))
        return Option(label, self.named(label, item, path, prefix, catalogue, self.given(item, f"{path}.{label}")))

    def layer(self, item: Item, path: str, prefix: str, catalogue: str) -> Node:
        if isinstance(item.value, str):
            return self.named(item.value, item, path, prefix, catalogue, {})
        if isinstance(item.value, dict) and len(item.value) == 1:
            ((name, child),) = item.value.items()
            return self.named(name, child, path, prefix, catalogue, self.given(child, f"{path}.{name}"))
        return self.problem(
            item, path, f"expected a name, {{name: {{option: value}}}} or {{choose: ...}}; got {quoted(item.plain())}"
        )

    def given(self, item: Item, path: str) -> dict[str, Item]:
        if item.value is None:
            return {}
        if isinstance(item.value, dict):
            return item.value
        self.problem(item, path, f"expected its options as a mapping; got {quoted(item.plain())}")
        return {}

    def named(self, name: str, item: Item, path: str, prefix: str, catalogue: str, given: Mapping[str, Item]) -> Node:
        known = plugin_names(catalogue)
        if name not in known:
            return self.problem(
                item,
                path,
                f"no {catalogue.removesuffix('s')} is called {quoted(name)}{did_you_mean(name, known)}; "
                f"known: {', '.join(known)}",
            )
        if self.free and catalogue == "mixers" and locked(name):
            self.problem(item, path, _locked(name, known))
        kinds = option_kinds(catalogue, name)
        nodes: dict[str, Node] = {}
        for option, child in given.items():
            where = f"{path}.{name}.{option}"
            if option in kinds:
                nodes[option] = self.scalar(child, where, f"{prefix}.{name}.{option}", kinds[option])
            else:
                has = f"it has {', '.join(kinds)}" if kinds else "it has none"
                self.problem(child, where, f"{name} has no such option{did_you_mean(option, tuple(kinds))}; {has}")
        return LayerNode(name, nodes, option_defaults(catalogue, name))


def _locked(mixer: str, known: tuple[str, ...]) -> str:
    free = ", ".join(name for name in known if not locked(name))
    return (
        f"the weights of {mixer} belong to one grid, and resolution: free wants networks for any input size; "
        f"take one of {free}, or leave resolution out"
    )


def names(node: Node) -> set[str]:
    """The fields that a level sets, those of its variant included."""
    if not isinstance(node, Fields):
        return set()
    return {name for option in _variants(node) for name in names(option.node)} | (set(node.nodes) - {VARIANT})


def without(node: Fields, name: str) -> list[str]:
    """The alternatives of a level's variant that do not bring a field which the others do."""
    if name in node.nodes:
        return []
    return [str(option.label) for option in _variants(node) if name not in names(option.node)]


def _variants(node: Fields) -> tuple[Option, ...]:
    variant = node.nodes.get(VARIANT)
    return variant.options if isinstance(variant, Choose) else ()
