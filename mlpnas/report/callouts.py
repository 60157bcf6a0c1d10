"""The placement of words beside dots: they cover no dot and no other words, and cross as few lines as possible."""

from collections.abc import Iterator, Sequence
from math import cos, pi, sin

import numpy as np

from mlpnas.pareto import Points

WIDE, NARROW = (600.0, 760.0, 950.0), (330.0,)  # pixels across, of drawing areas on screens and on phones
_DOT = 8.0  # half of a dot's side, with some air
_CHARACTER, _LINE = 7.2, 14.0
_RINGS = range(30, 231, 20)

Offset = tuple[float, float]  # pixels from the dot to the middle of the words, to the right and up


class Canvas:
    """A drawing area of several possible widths, in which places are shares of it, 0 to 1.

    Args:
        dots: (N, 2), which are not to be covered.
        lines: (N, 4), straight ones along the axes, from (x, y) to (x, y).
    """

    def __init__(self, widths: Sequence[float], height: float, dots: Points, lines: Points) -> None:
        self.height, self.widths = height, widths
        scales = [np.array([width, height]) for width in widths]
        self._dots = [dots.reshape(-1, 2) * scale for scale in scales]
        self._lines = [_upright(lines.reshape(-1, 4) * np.tile(scale, 2)) for scale in scales]
        self._words: list[list[Points]] = [[] for _ in scales]

    @staticmethod
    def size(text: str) -> Points:
        """Return the approximate width and height of a text in pixels."""
        return np.array([_CHARACTER * len(text), _LINE])

    def place_beside(self, place: Offset, text: str, *, up: bool = True) -> Offset | None:
        """Return where to write a text beside a dot, and keep that place; None if there is none.

        Args:
            up: try above the dot first, else below.
        """
        size = self.size(text)
        return self._first_free(place, size, list(_around(size, 1 if up else -1)))

    def place_along(self, across: float, text: str) -> Offset | None:
        """Return where to write a text upwards along a vertical line: an offset from the line's lower end."""
        size = self.size(text)[::-1]
        steps = np.arange(size[1] / 2 + 2, self.height - size[1] / 2, 8.0)
        offsets = [(side * (_LINE / 2 + 3), float(step)) for step in steps for side in (-1, 1)]
        return self._first_free((across, 0.0), size, offsets)

    def _first_free(self, place: Offset, size: Points, offsets: Sequence[Offset]) -> Offset | None:
        """Return the first offset that covers nothing and crosses the fewest lines, and keep its place."""
        crossed = [self._crossed(place, size, offset) for offset in offsets]
        free = [number for number, count in enumerate(crossed) if count is not None]
        if not free:
            return None
        best = offsets[min(free, key=lambda number: crossed[number] or 0)]
        for width, words in zip(self.widths, self._words, strict=True):
            words.append(self._box(width, place, size, best))
        return best

    def _crossed(self, place: Offset, size: Points, offset: Offset) -> int | None:
        """Count the lines that words there would cross; None if they would cover dots or words, or be cut off."""
        lines = 0
        for width, dots, words, along in zip(self.widths, self._dots, self._words, self._lines, strict=True):
            box = self._box(width, place, size, offset)
            if box[0] < 0 or box[1] < 0 or box[2] > width or box[3] > self.height:
                return None
            if _overlap(box, np.hstack([dots - _DOT, dots + _DOT])) or _overlap(box, np.array(words).reshape(-1, 4)):
                return None
            lines = max(lines, _overlap(box, along))
        return lines

    def _box(self, width: float, place: Offset, size: Points, offset: Offset) -> Points:
        """Return (left, bottom, right, top) in pixels."""
        middle = np.array(place) * (width, self.height) + offset
        return np.concatenate([middle - size / 2, middle + size / 2])


def _around(size: Points, up: int) -> Iterator[Offset]:
    """Yield offsets close to a dot, then ever further away."""
    beside, above = size[0] / 2 + _DOT + 2, size[1] / 2 + _DOT
    for dx, dy in ((-1, 1), (-1, 0), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)):
        yield dx * beside, up * dy * (above if dx == 0 else above - 6)
    for ring in _RINGS:
        for step in (3, 2, 4, 1, 5, 0, 8, 7, 9, 6, 10, 15, 11, 14, 12, 13):  # of sixteen, from the upper left
            angle = step * pi / 8
            yield cos(angle) * (ring + size[0] / 2), up * sin(angle) * (ring + size[1] / 2)


def _overlap(box: Points, others: Points) -> int:
    """Count the boxes, of (N, 4), that share some area with a box."""
    meets = (others[:, 0] < box[2]) & (others[:, 2] > box[0]) & (others[:, 1] < box[3]) & (others[:, 3] > box[1])
    return int(meets.sum())


def _upright(lines: Points) -> Points:
    """Return lines as thin boxes with their lower left corner first."""
    low, high = np.minimum(lines[:, :2], lines[:, 2:]), np.maximum(lines[:, :2], lines[:, 2:])
    return np.hstack([low - 1, high + 1])
