"""The placement of names beside dots that lie close together."""

from collections.abc import Sequence

_WIDTH, _HEIGHT = 900.0, 160.0  # the drawing area in pixels, about
_CHARACTER, _LINE, _GAP = 6.4, 14.0, 6.0
_SIDES = {
    "middle right": (0.0, 0.0),  # offset of the box from the dot, in widths and lines
    "middle left": (-1.0, 0.0),
    "top center": (-0.5, 1.0),
    "bottom center": (-0.5, -1.0),
    "top right": (0.0, 1.0),
    "bottom right": (0.0, -1.0),
    "top left": (-1.0, 1.0),
    "bottom left": (-1.0, -1.0),
}

Box = tuple[float, float, float, float]


def choose_sides(across: Sequence[float], up: Sequence[float], names: Sequence[str]) -> list[str]:
    """Return the plotly textposition of every dot's name, on a free side; "" if it would cover a name or a dot.

    Args:
        across, up: places of the dots as shares of the drawing area, 0 to 1. The first ones get their names first.
    """
    dots = [(x * _WIDTH, y * _HEIGHT) for x, y in zip(across, up, strict=True)]
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in dots]
    chosen = []
    for (x, y), name in zip(dots, names, strict=True):
        boxes = {side: _box(x, y, len(name) * _CHARACTER, side) for side in _SIDES}
        free = [side for side, box in boxes.items() if not any(_overlap(box, other) for other in taken)]
        best = min(free, key=lambda side: _outside(boxes[side]), default="")
        if best:
            taken.append(boxes[best])
        chosen.append(best)
    return chosen


def _box(x: float, y: float, width: float, side: str) -> Box:
    over, lines = _SIDES[side]
    left = x + over * width + (_GAP if over == 0 else -_GAP if over == -1 else 0)
    middle = y + lines * _LINE
    return left, middle - _LINE / 2, left + width, middle + _LINE / 2


def _overlap(a: Box, b: Box) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return wide * high if wide > 0 and high > 0 else 0.0


def _outside(box: Box) -> float:
    """Return the area of a box outside the drawing area."""
    inside = _overlap(box, (0.0, 0.0, _WIDTH, _HEIGHT))
    return (box[2] - box[0]) * (box[3] - box[1]) - inside
