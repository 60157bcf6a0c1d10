"""Loading of a space file: text -> tree of questions. All options are checked; all mistakes are reported together."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlpnas import published, units
from mlpnas.documents import Item, parse_yaml
from mlpnas.errors import Problem, SpaceError, TextError, UnitError, did_you_mean
from mlpnas.kinds import Word, refusal
from mlpnas.plain_text import quoted, shortened
from mlpnas.plugins import shipped, shipped_folder
from mlpnas.space import workload
from mlpnas.space.grammar import CONSTRAINT, DOCUMENT, NETWORK, RESOLUTION, STAGE, STAGES, VERSION
from mlpnas.space.reader import VARIANT, Reader, TooManyProblems, names, without
from mlpnas.space.tree import Fields
from mlpnas.units import Limit

_NAME = re.compile(r"[^\W\d][\w-]{0,99}")
LIMITED = ("macs", "params", "activation_bytes", "peak_bytes")


@dataclass(frozen=True)
class Document:
    """The content of a space file: the questions of the network and of each stage, limits and seeds."""

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
    try:
        root = parse_yaml(text)
    except TextError as error:
        raise SpaceError(source, error.problems) from None
    if root.value is None:
        text = "the file is empty; `mlpnas space show quick` shows a whole one"
        raise SpaceError(source, [Problem(1, "", text)])
    reader = _Document()
    with suppress(TooManyProblems):
        document = reader.read_document(root)
    if reader.problems:
        raise SpaceError(source, list(reader.problems))
    if too_many := workload.excess(document.network, document.stages):
        raise SpaceError(source, [Problem(0, "", too_many)])
    return document


@dataclass
class _Document(Reader):
    """Reader of the levels of the file: the document, its stages, limits and seeds."""

    def read_document(self, root: Item) -> Document:
        known = (*DOCUMENT, *NETWORK, *STAGE, VARIANT)
        items = self.read_mapping(root, "", known)
        if isinstance(root.value, dict):
            for name in ("version", "name", "stages"):
                if name not in items:
                    self.report(root, name, "is missing" + ("; write version: 1" if name == "version" else ""))
        if "version" in items and not VERSION.fits(items["version"].plain()):
            self.report(items["version"], "version", f"must be 1, got {quoted(items['version'].plain())}")
        if "resolution" in items:
            self.free = self.read_value(items["resolution"], "resolution", RESOLUTION) == "free"
        network = self.read_fields(root, items, "", "", {**NETWORK, **STAGE})
        stages = self.read_stages(items["stages"]) if "stages" in items else ()
        self.check_scopes(root, network, stages)
        return Document(
            name=self.read_name(items["name"], "name") if "name" in items else "",
            network=network,
            stages=stages,
            limits=self.read_constraints(items.get("constraints")),
            seeds=self.read_seeds(items.get("seeds")),
            lines=self.lines,
        )

    def read_name(self, item: Item, path: str) -> str:
        text = item.plain()
        if not isinstance(text, str) or not _NAME.fullmatch(text):
            self.report(item, path, f"expected a word of at most 100 letters, digits, - and _; got {quoted(text)}")
        return str(text)

    def read_stages(self, item: Item) -> tuple[Fields, ...]:
        if isinstance(item.value, list):
            if not STAGES.fits(len(item.value)):
                self.report(item, "stages", f"{len(item.value)} stages are listed; write 1 to {STAGES.most}")
                return ()
            return tuple(self.read_stage(child, f"stages[{number}]", number) for number, child in enumerate(item.value))
        items = self.read_mapping(item, "stages", ("count", "each"))
        count = items["count"].plain() if "count" in items else 1
        if not STAGES.fits(count):
            self.report(items.get("count", item), "stages.count", refusal(STAGES, count))
            return ()
        self.count = int(count)
        each = items.get("each", Item({}, item.line))
        return tuple(self.read_stage(each, "stages.each", number) for number in range(self.count))

    def read_stage(self, item: Item, path: str, number: int) -> Fields:
        self.stage = number if path == "stages.each" else None
        known = {name: kind for name, kind in STAGE.items() if number or name != "downsample" or path == "stages.each"}
        items = self.read_mapping(item, path, (*known, VARIANT))
        if not number:  # nothing comes before the first stage
            items.pop("downsample", None)
        fields = self.read_fields(item, items, path, f"stage{number + 1}", known)
        self.stage = None
        return fields

    def check_scopes(self, root: Item, network: Fields, stages: tuple[Fields, ...]) -> None:
        """Report fields that stand on both levels or, having no default, on none."""
        above = set(names(network))
        for stage in stages:
            below = set(names(stage))
            for name in sorted(above & below):
                self.report(root, name, "stands on the network's level and in stages; keep one")
            for name in ("width", "depth", "mixer"):
                if name not in above | below:
                    self.report(
                        root, name, "is missing: give it in stages.each, or above to ask it once for all stages"
                    )
        for number, level in enumerate((network, *stages)):
            path = f"stage{number}.{VARIANT}" if number else VARIANT
            for name in ("width", "depth", "mixer"):
                lacking = without(level, name) if name in names(level) else []
                for alternative in lacking:
                    text = (
                        f"{shortened(alternative)} brings no {name}, and others do; give it in each, or beside variant"
                    )
                    self.report(Item(None, self.lines.get(path, root.line)), path, text)

    def read_constraints(self, item: Item | None) -> tuple[Limit, ...]:
        if item is None:
            return ()
        if not isinstance(item.value, list):
            self.report(item, "constraints", "expected a list like [{max: params, value: 100M}]")
            return ()
        return tuple(
            limit for i, child in enumerate(item.value) if (limit := self.read_constraint(child, f"constraints[{i}]"))
        )

    def read_constraint(self, item: Item, path: str) -> Limit | None:
        items = self.read_mapping(item, path, ("max", "value"))
        if set(items) != {"max", "value"}:
            self.report(item, path, "write {max: params, value: 100M}")
            return None
        quantity, value = items["max"].plain(), items["value"].plain()
        if not (words := Word(LIMITED)).fits(quantity):
            self.report(items["max"], f"{path}.max", refusal(words, quantity))
            return None
        try:
            limit = Limit(str(quantity), units.count(value))
        except UnitError as error:
            self.report(items["value"], f"{path}.value", str(error))
            return None
        if not CONSTRAINT.fits(limit.value):
            self.report(items["value"], f"{path}.value", refusal(CONSTRAINT, value))
            return None
        return limit

    def read_seeds(self, item: Item | None) -> tuple[str, ...]:
        if item is None:
            return ()
        if not isinstance(item.value, list):
            self.report(item, "seeds", "expected a list of published models, like [as_mlp_t]")
            return ()
        known = published.names()
        for child in item.value:
            if child.plain() not in known:
                hint = did_you_mean(child.plain(), known)
                self.report(
                    child,
                    "seeds",
                    f"no published model is called {quoted(child.plain())}{hint}; `mlpnas published` lists them",
                )
        return tuple(str(child.plain()) for child in item.value)


def find_file(path: str | Path) -> Path:
    """Return the path of a file, else of the shipped space of that name.

    Raises:
        SpaceError: there is neither.
    """
    try:
        given = Path(path).expanduser()
    except RuntimeError:
        raise SpaceError(str(path), [Problem(0, "", "no such user; write ./ before it for a file here")]) from None
    if given.is_file():
        return given
    ours = shipped_folder() / f"{given.name.removesuffix('.yaml')}.yaml"
    if given.parent == Path(".") and ours.is_file():
        return ours
    raise SpaceError(str(path), [Problem(0, "", f"no such file; shipped spaces: {', '.join(shipped())}")])
