"""The words in the front's chart, names of dots and budgets: they cover no dot; on phones they are short."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from markupsafe import escape

from mlpnas.pareto import Points
from mlpnas.record import Record
from mlpnas.report.callouts import NARROW, WIDE, Canvas, Offset
from mlpnas.report.frame import Frame
from mlpnas.report.published import published_name
from mlpnas.report.style import ACCENT, INK, MUTED, scale
from mlpnas.report.wording import cell, label, text
from mlpnas.run import Run

_BUDGET = {"color": ACCENT, "size": 12}
_DASHED = {"color": ACCENT, "width": 1, "dash": "dash"}
_NEAR = 16.0  # pixels between a dot and its name; more need a line
Annotation = dict[str, Any]


def mark(chart: go.Figure, run: Run, done: Sequence[Record], frame: Frame, steps: Points, height: float) -> None:
    """Write names beside the best, the knee and published models, and draw every budget.

    Args:
        steps: lines of the front, (N, 4), from (x, y) to (x, y); height: of the drawing area in pixels.
    """
    limits = run.manifest.decided.limits
    if limit := limits.get(frame.x):
        chart.add_vline(limit * scale(frame.x), line=_DASHED)
    if limit := limits.get(frame.y):
        chart.add_hline(limit * scale(frame.y), line=_DASHED)
    dots, lines = frame.shares(frame.points(done)), frame.shares(steps.reshape(-1, 2)).reshape(-1, 4)
    wide = list(_annotations(run, done, frame, Canvas(WIDE, height, dots, lines), is_short=False))
    narrow = list(_annotations(run, done, frame, Canvas(NARROW, height, dots, lines), is_short=True))
    chart.update_layout(annotations=wide, meta={"narrow": narrow})
    if others := [text(name, limit) for name, limit in limits.items() if name not in (frame.x, frame.y)]:
        words = f"{label(frame.x)}<br><span style='font-size:12px;color:{ACCENT}'>budget: {', '.join(others)}</span>"
        chart.update_layout(xaxis={"title": {"text": words}})


def _annotations(
    run: Run, done: Sequence[Record], frame: Frame, canvas: Canvas, is_short: bool
) -> Iterator[Annotation]:
    limits = run.manifest.decided.limits
    if limit := limits.get(frame.x):
        yield _upright(frame, canvas, limit * scale(frame.x), f"budget {text(frame.x, limit)}")
    if limit := limits.get(frame.y):
        at = {"xref": "x domain", "x": 0, "y": limit * scale(frame.y), "xanchor": "left", "yanchor": "bottom"}
        yield at | {"text": f"budget {text(frame.y, limit)}", "showarrow": False, "font": _BUDGET}
    up = run.manifest.decided.objectives.get(frame.y) == "maximize"
    for pick, record in _picks(run):
        if frame.x in record.values:
            words = pick if is_short else f"{pick}: trial {record.trial}, {cell(frame.y, record.values[frame.y])}"
            yield _text_beside(frame, canvas, record, words, up) or _text_over(frame, record, words)
    for record in [record for record in done if record.origin == "published"]:
        if name := _text_beside(frame, canvas, record, str(escape(published_name(record))), not up):
            yield name


def _picks(run: Run) -> list[tuple[str, Record]]:
    best, knee = run.pick("best"), run.pick("knee")
    return [("best", best)] + ([("knee", knee)] if knee is not best and len(run.front()) > 2 else [])


def _text_beside(frame: Frame, canvas: Canvas, record: Record, words: str, up: bool) -> Annotation | None:
    """Return a name beside its dot; None if every place is taken."""
    place = frame.shares(frame.points([record]))[0]
    offset = canvas.place_beside((place[0], place[1]), words, up=up)
    return offset and _at(frame, record) | {"text": words} | _shift(offset, canvas.size(words))


def _text_over(frame: Frame, record: Record, words: str) -> Annotation:
    return _at(frame, record) | {"text": words, "showarrow": False, "yshift": 16, "bgcolor": "rgba(255,255,255,0.8)"}


def _at(frame: Frame, record: Record) -> Annotation:
    ((x, y),) = frame.points([record])
    return {"x": frame.coordinate(x), "y": y, "xanchor": "center", "font": {"color": INK, "size": 12}}


def _shift(offset: Offset, size: Points) -> Annotation:
    """Return the shift of words from their dot; further away they get a line to it."""
    if max(abs(offset[0]) - size[0] / 2, abs(offset[1]) - size[1] / 2) < _NEAR:
        return {"showarrow": False, "xshift": offset[0], "yshift": offset[1], "yanchor": "middle"}
    line = {"arrowhead": 0, "arrowwidth": 1, "arrowcolor": MUTED, "standoff": 8}
    return {"showarrow": True, "ax": offset[0], "ay": -offset[1], "yanchor": "middle"} | line


def _upright(frame: Frame, canvas: Canvas, limit: float, words: str) -> Annotation:
    """Return the name of a budget along its line, read from below."""
    (place,) = frame.shares(np.array([[limit, frame.up[0]]]))
    dx, dy = canvas.place_along(place[0], words) or (-10.0, canvas.size(words)[0] / 2 + 2)
    at = {"x": frame.coordinate(limit), "yref": "y domain", "y": 0, "xshift": dx, "yshift": dy, "textangle": -90}
    return at | {"text": words, "xanchor": "center", "yanchor": "middle", "showarrow": False, "font": _BUDGET}
