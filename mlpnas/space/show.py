"""A space as text: its tree of questions, its size and its costs."""

from collections.abc import Iterator

import numpy as np

from mlpnas.named import word
from mlpnas.plain_text import plural
from mlpnas.space.space import Budget, SearchSpace
from mlpnas.space.tables import Window
from mlpnas.space.tree import Choose, Fields, LayerNode, Node
from mlpnas.units import show

_BARS = 10
_WIDTH = 40


def lines(space: SearchSpace, budget: Budget = None) -> Iterator[str]:
    """Yield the text of `mlpnas space show` line by line.

    Raises:
        UnitError, BudgetError: a budget that cannot be read or met.
    """
    limits = space.window(budget)
    yield f"{space.name}: {plural(len(space.questions), 'question')}, {plural(space.size, 'set')} of answers"
    yield f"{plural(space.tables.count(), 'architecture')} can be built"
    for quantity in ("macs", "params"):
        low, high = space.tables.range(quantity)
        yield f"  {quantity:<7} {show(low, quantity)} to {show(high, quantity)}"
    yield from _inside(space, limits)
    if space.left_out:
        yield f"  {' and '.join(space.left_out)} are the data's in a search; counted here: {_image_of(space)}"
    yield ""
    yield "cost of its architectures (macs)"
    yield from _histogram(space)
    yield ""
    yield from _tree(space)


def _image_of(space: SearchSpace) -> str:
    shown = space.with_head(space.sample(np.random.default_rng(0), {}).spec)
    return " and ".join(f"{getattr(shown, name):,} {name}" for name in space.left_out)


def _inside(space: SearchSpace, limits: Window) -> Iterator[str]:
    for quantity, (low, high) in limits.items():
        if quantity != "peak_bytes":
            count = space.tables.count(quantity, low, high)
            share = count / space.tables.count()
            yield f"  within {show(high, quantity)}: {plural(count, 'architecture')} ({share:.2%})"


def _histogram(space: SearchSpace) -> Iterator[str]:
    low, high = space.tables.range("macs")
    edges = np.geomspace(low, high, _BARS + 1)
    edges[0], edges[-1] = low, high
    below = [0.0, *(space.tables.count("macs", 0, edge) for edge in edges[1:])]
    shares = np.diff(below) / below[-1]
    for start, end, share in zip(edges, edges[1:], shares, strict=False):
        bar = "#" * round(_WIDTH * share / shares.max())
        yield f"  {show(start, 'macs'):>12} to {show(end, 'macs'):<12} {share:6.1%} {bar}"


def _tree(space: SearchSpace) -> Iterator[str]:
    yield "network"
    yield from _node(space.network, 1)
    texts = [list(_node(stage, 1)) for stage in space.stages]
    for number, text in enumerate(texts, 1):
        same = [other for other in range(1, number) if _without_factors(texts[other - 1]) == _without_factors(text)]
        yield f"stage {number}" + (f": as stage {same[0]}" if same else "")
        yield from [] if same else text


def _without_factors(text: list[str]) -> list[str]:
    return [line for line in text if "width_factor" not in line]


def _node(node: Node, depth: int) -> Iterator[str]:
    pad = "  " * depth
    children = node.nodes if isinstance(node, Fields) else node.options if isinstance(node, LayerNode) else {}
    for name, child in children.items():
        if isinstance(child, Choose):
            yield f"{pad}{name}? {', '.join(map(_label, child.labels))}"
            yield from _followups(child, depth + 1)
        elif isinstance(child, Fields):
            yield f"{pad}{name}"
            yield from _node(child, depth + 1)
        elif isinstance(child, LayerNode):
            yield f"{pad}{name}: {child.name}"
            yield from _node(child, depth + 1)
        else:
            yield f"{pad}{name}: {_label(child.value)}"


def _label(value: object) -> str:
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return word(value)


def _followups(question: Choose, depth: int) -> Iterator[str]:
    for option in question.options:
        text = list(_node(option.node, depth + 1))
        if text:
            yield f"{'  ' * depth}{_label(option.label)}:"
            yield from text
