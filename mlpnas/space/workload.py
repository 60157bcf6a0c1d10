"""The work of tabulating a space: combinations to list and layers to measure, counted before any is listed.

Every set of answers of a stage is listed once per set of answers of the network's level and per width and grid that the
stage before may give; every different layer is measured once.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from mlpnas.nets.plan import has_levels
from mlpnas.plain_text import shortened
from mlpnas.space.tree import Choose, Fields, Fixed, LayerNode, Node, Option, count
from mlpnas.spec import Layer

MOST = 100_000  # combinations; loading a space takes less than 5 seconds on 2 CPU cores
LAYER = 40  # combinations listed in the time that one layer takes to measure

_WIDTH = {"width", "width_factor"}
_GRID = {"input.size", "stem.patch", "head.pool"}
_TOKEN_MIXING = {"mixer", "norm", "layer_scale"} | _WIDTH | _GRID
_CHANNEL_MIXING = {"channel_mlp", "mlp_ratio", "norm", "layer_scale"} | _WIDTH | _GRID
_DOWNSAMPLE = {"downsample", "norm"} | _WIDTH | _GRID
_HEAD = {"input.classes", "head.norm", "head.pooled_norm", "head.kind", "norm"} | _WIDTH | _GRID
_LEVEL = {"input.classes", "head.kind", "norm"} | _WIDTH | _GRID


def excess(network: Fields, stages: Sequence[Fields]) -> str:
    """Return why a space is too large to be listed, naming the questions that multiply; "" if it is not."""
    above = count(network)
    before = [1, *(widths * grids for widths, grids in _states(stages))]
    listed = [above * states * count(stage) for states, stage in zip(before, stages, strict=False)]
    layers = _layers(network, stages)
    if sum(listed) + LAYER * layers <= MOST:
        return ""
    worst = max(range(len(stages)), key=lambda number: listed[number])
    sets = "1 set" if count(stages[worst]) == 1 else f"{_show(count(stages[worst]))} sets"
    parts = [f"stage {worst + 1} has {sets} of answers{_questions(stages[worst])}"]
    if above > 1:
        parts.append(f"for each of {_show(above)} of the network{_questions(network)}")
    if before[worst] > 1:
        parts.append(f"for each of {_show(before[worst])} widths and grids of the stage before")
    return (
        f"too many combinations: {', '.join(parts)}; in all stages {_show(sum(listed))} to list and about "
        f"{_show(layers)} layers to measure, each worth {LAYER}; the most is {_show(MOST)}; offer fewer options"
    )


def _states(stages: Sequence[Fields]) -> Iterator[tuple[int, int]]:
    """Yield the number of widths and of grids that each stage may give."""
    grids = 1
    for number, stage in enumerate(stages):
        ways = {value for value in _values(stage, "downsample") if number}
        grids += len(ways) > 1 and "none" in ways
        widths, factors = _values(stage, "width"), _values(stage, "width_factor")
        yield max(len(widths), 1) * max(len(factors), 1), grids


def _layers(network: Fields, stages: Sequence[Fields]) -> int:
    states = list(_states(stages))
    stem = {"input", "stem", "position_embedding"} | _WIDTH | _GRID
    found = _forms(network, stem) * _forms(stages[0], stem) + _forms(network, _HEAD) * _forms(stages[-1], _HEAD)
    per_stage = [_TOKEN_MIXING, _CHANNEL_MIXING, *([_LEVEL] if _may_have_levels(network) else [])]
    for number, (stage, (_, grids)) in enumerate(zip(stages, states, strict=True)):
        for wanted in per_stage:
            found += _forms(network, wanted) * _forms(stage, wanted) * grids
        if number:
            found += _forms(network, _DOWNSAMPLE) * _forms(stage, _DOWNSAMPLE) * grids * states[number - 1][0]
    return found


def _may_have_levels(network: Fields) -> bool:
    """Return whether a head that the network may get computes something on every stage."""
    head = network.nodes.get("head")
    kinds = _values(head, "kind") if isinstance(head, Fields) else ()
    return any(has_levels(Layer(str(kind))) for kind in kinds)


def _forms(level: Fields, wanted: set[str], group: str = "") -> int:
    """Count the sets of answers of a level to its fields in `wanted`."""
    forms = 1
    for name, child in level.nodes.items():
        if f"{group}{name}" in wanted:
            forms *= count(child)
        elif isinstance(child, Fields):
            forms *= _forms(child, wanted, f"{group}{name}.")
        elif isinstance(child, Choose) and (each := [_forms_of(option, wanted, group) for option in child.options]):
            matter = [number for number in each if number]
            forms *= sum(matter) + (len(matter) < len(each))
    return forms


def _forms_of(option: Option, wanted: set[str], group: str) -> int:
    """Count the same for an alternative of a variant; 0 if it has no wanted field."""
    node = option.node
    names = _names(node, group) if isinstance(node, Fields) else set()
    return _forms(node, wanted, group) if isinstance(node, Fields) and names & wanted else 0


def _names(level: Fields, group: str) -> set[str]:
    nested = (_names(child, f"{group}{name}.") for name, child in level.nodes.items() if isinstance(child, Fields))
    return {f"{group}{name}" for name in level.nodes}.union(*nested)


def _values(level: Fields, name: str) -> set[Any]:
    """Return the values or labels that a level or its variant may give to a field."""
    found: set[Any] = set()
    for field, child in level.nodes.items():
        if field == "variant" and isinstance(child, Choose):
            levels = [option.node for option in child.options if isinstance(option.node, Fields)]
            found = found.union(*(_values(alternative, name) for alternative in levels))
        elif field == name:
            found |= _labels(child)
    return found


def _labels(node: Node) -> set[Any]:
    match node:
        case Fixed(value):
            return {value}
        case Choose():
            return set(node.labels)
        case LayerNode(name):
            return {name}
    return set()


def _questions(node: Node) -> str:
    """Return the questions of a node that multiply, with the sets of answers of each: (depth 100 x mixer 12)."""
    found = [
        f"{name} {_show(count(child))}{_largest(child)}" for name, child in _children(node, "") if count(child) > 1
    ]
    return f" ({' x '.join(found)})" if found else ""


def _children(node: Node, group: str) -> Iterator[tuple[str, Node]]:
    nodes = node.nodes if isinstance(node, Fields) else node.options if isinstance(node, LayerNode) else {}
    for name, child in nodes.items():
        if isinstance(child, Fields):
            yield from _children(child, f"{group}{name}.")
        else:
            yield f"{group}{name}", child


def _largest(node: Node) -> str:
    """Return the option of a question that has the most sets of answers."""
    if not isinstance(node, Choose) or all(count(option.node) == 1 for option in node.options):
        return ""
    largest = max(node.options, key=lambda option: count(option.node))
    return f", of which {shortened(largest.label, 40)} {_show(count(largest.node))}{_questions(largest.node)}"


def _show(number: int) -> str:
    return f"{number:,}" if number < 10**12 else f"10^{int(number.bit_length() * 0.30103)}"
