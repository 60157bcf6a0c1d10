"""Text of a space file -> tree of questions. Every option of every question is visited; all mistakes come together."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlpnas import published, units
from mlpnas.errors import SpaceError, UnitError, did_you_mean
from mlpnas.space.grammar import DOCUMENT, NETWORK, RESOLUTION, STAGE, Number, Word
from mlpnas.space.reader import VARIANT, Reader, names
from mlpnas.space.tree import Fields
from mlpnas.space.yaml_lines import Item, parse
from mlpnas.units import Limit

LIMITED = ("macs", "params", "activation_bytes", "peak_bytes")


@dataclass(frozen=True)
class Document:
    """A space file, read: the questions of the network and of each stage, limits and seeds."""

    name: str
    network: Fields
    stages: tuple[Fields, ...]
    limits: tuple[Limit, ...]
    seeds: tuple[str, ...]
    lines: Mapping[str, int]


def read(text: str, source: str) -> Document:
    """Read a space file.

    Raises:
        SpaceError: with every problem of the file, its line and the remedy.
    """
    root = parse(text, source)
    reader = _Document()
    document = reader.document(root)
    if reader.problems:
        raise SpaceError(source, reader.problems)
    return document


@dataclass
class _Document(Reader):
    """The levels of the file: the document, its stages, limits and seeds."""

    def document(self, root: Item) -> Document:
        known = (*DOCUMENT, *NETWORK, *STAGE, VARIANT)
        items = self.mapping(root, "", known)
        if isinstance(root.value, dict):
            for name in ("version", "name", "stages"):
                if name not in items:
                    self.problem(root, name, "is missing" + ("; write version: 1" if name == "version" else ""))
        if "version" in items and items["version"].plain() != 1:
            self.problem(items["version"], "version", f"must be 1, got {items['version'].plain()!r}")
        if "resolution" in items:
            self.free = self.checked(items["resolution"], "resolution", RESOLUTION) == "free"
        network = self.fields(root, items, "", "", {**NETWORK, **STAGE})
        stages = self.stages(items["stages"]) if "stages" in items else ()
        self.scopes(root, network, stages)
        return Document(
            name=self.word(items["name"], "name") if "name" in items else "",
            network=network,
            stages=stages,
            limits=self.constraints(items.get("constraints")),
            seeds=self.seeds(items.get("seeds")),
            lines=self.lines,
        )

    def word(self, item: Item, path: str) -> str:
        text = item.plain()
        if not isinstance(text, str) or not text.replace("-", "_").isidentifier():
            self.problem(item, path, f"expected a word of letters, digits, - and _; got {text!r}")
        return str(text)

    def stages(self, item: Item) -> tuple[Fields, ...]:
        if isinstance(item.value, list):
            return tuple(self.one_stage(child, f"stages[{number}]", number) for number, child in enumerate(item.value))
        items = self.mapping(item, "stages", ("count", "each"))
        count = items["count"].plain() if "count" in items else 1
        if not Number().fits(count) or count > 16:
            self.problem(
                items.get("count", item), "stages.count", f"expected a whole number from 1 to 16; got {count!r}"
            )
            return ()
        self.count = int(count)
        each = items.get("each", Item({}, item.line))
        return tuple(self.one_stage(each, "stages.each", number) for number in range(self.count))

    def one_stage(self, item: Item, path: str, number: int) -> Fields:
        self.stage = number if path == "stages.each" else None
        known = {name: kind for name, kind in STAGE.items() if number or name != "downsample" or path == "stages.each"}
        items = self.mapping(item, path, (*known, VARIANT))
        if not number:  # nothing comes before the first stage
            items.pop("downsample", None)
        fields = self.fields(item, items, path, f"stage{number + 1}", known)
        self.stage = None
        return fields

    def scopes(self, root: Item, network: Fields, stages: tuple[Fields, ...]) -> None:
        """A field of a stage stands on one level only, and what has no default stands on one."""
        above = set(names(network))
        for stage in stages:
            below = set(names(stage))
            for name in sorted(above & below):
                self.problem(root, name, "stands on the network's level and in stages; keep one")
            for name in ("width", "depth", "mixer"):
                if name not in above | below:
                    self.problem(
                        root, name, "is missing: give it in stages.each, or above to ask it once for all stages"
                    )

    def constraints(self, item: Item | None) -> tuple[Limit, ...]:
        if item is None:
            return ()
        if not isinstance(item.value, list):
            self.problem(item, "constraints", "expected a list like [{max: params, value: 100M}]")
            return ()
        return tuple(
            limit for i, child in enumerate(item.value) if (limit := self.constraint(child, f"constraints[{i}]"))
        )

    def constraint(self, item: Item, path: str) -> Limit | None:
        items = self.mapping(item, path, ("max", "value"))
        if set(items) != {"max", "value"}:
            self.problem(item, path, "write {max: params, value: 100M}")
            return None
        quantity, value = items["max"].plain(), items["value"].plain()
        if quantity not in LIMITED:
            self.problem(items["max"], f"{path}.max", f"expected {Word(LIMITED)}; got {quantity!r}")
            return None
        try:
            limit = Limit(quantity, units.count(value))
        except UnitError as error:
            self.problem(items["value"], f"{path}.value", str(error))
            return None
        return limit

    def seeds(self, item: Item | None) -> tuple[str, ...]:
        if item is None:
            return ()
        if not isinstance(item.value, list):
            self.problem(item, "seeds", "expected a list of published models, like [as_mlp_t]")
            return ()
        known = published.names()
        for child in item.value:
            if child.plain() not in known:
                hint = did_you_mean(str(child.plain()), known)
                self.problem(
                    child,
                    "seeds",
                    f"no published model is called {child.plain()!r}{hint}; `mlpnas published` lists them",
                )
        return tuple(str(child.plain()) for child in item.value)
