"""The front: every trial by cost and accuracy, with the published models of that cost above it, on their own scale."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from markupsafe import escape

from mlpnas import pareto
from mlpnas.objectives import describe
from mlpnas.pareto import Points
from mlpnas.record import Record
from mlpnas.report.frame import Frame
from mlpnas.report.label_placement import choose_sides
from mlpnas.report.marks import mark
from mlpnas.report.published import Neighbour
from mlpnas.report.style import AROUND, INK, LINE, MUTED, OTHER, colours, figure, scale
from mlpnas.report.wording import cell, mixers, stages, text, texts
from mlpnas.run import Run

STRIP = 0.27  # share of the height for the published models


def axes_of(run: Run) -> tuple[str, str]:
    """Return the cost and the objective that are drawn: MACs, or another cost that is an objective; the first one."""
    names = list(run.manifest.decided.objectives)
    y = next((name for name in names if name != "macs"), names[0])
    others = [name for name in names if name != y]
    return ("macs" if "macs" in others or not others else others[0]), y


def front_chart(run: Run, published: Sequence[Neighbour]) -> go.Figure | None:
    """Draw every trial by cost and objective; None if no trial has both values."""
    x, y = axes_of(run)
    done = [record for record in run.done() if x in record.values]
    if not done:
        return None
    shown = published if x == "macs" else ()
    frame = _frame(run, done, shown, x, y)
    height, share = (700, 0.95 - STRIP) if shown else (560, 1.0)
    chart = figure(height)
    steps = _add_attainment_curve(chart, run, done, x, y)
    _add_trials(chart, run, done, x, y)
    _add_published(chart, run, [record for record in done if record.origin == "published"], x, y)
    chart.update_layout(frame.axes())
    mark(chart, run, done, frame, steps, share * (height - AROUND))
    if shown:
        _add_strip(chart, shown, frame)
    return chart


def _frame(run: Run, done: Sequence[Record], published: Sequence[Neighbour], x: str, y: str) -> Frame:
    """Return the frame around the trials, the budgets and the published models."""
    limits = run.manifest.decided.limits
    costs, values = ([r.values[name] * scale(name) for r in done] for name in (x, y))
    costs += [limits[x] * scale(x)] if x in limits else []
    values += [limits[y] * scale(y)] if y in limits else []
    return Frame.around(x, y, [*costs, *(model.macs for model in published)], values)


def hover(run: Run, record: Record, *, front: bool = False) -> str:
    """Return what the pointer shows of a trial."""
    head = f"<b>trial {record.trial}</b>" + (" · on the front" if front else "")
    trained = [name for name in record.values if describe(name).needs_training]
    wanted = [*run.manifest.decided.objectives, *trained, *run.manifest.decided.limits]
    lines = [head, " · ".join(texts(record.values, wanted))]
    return "<br>".join([*lines, *map(str, map(escape, stages(record.architecture())))])


def _xy(records: Sequence[Record], x: str, y: str) -> dict[str, list[float]]:
    return {axis: [r.values[name] * scale(name) for r in records] for axis, name in (("x", x), ("y", y))}


def _add_attainment_curve(chart: go.Figure, run: Run, done: list[Record], x: str, y: str) -> Points:
    """Draw the attainment curve up to the last trial or the budget; return its lines, (N, 4), (x, y) to (x, y)."""
    ways = [run.manifest.decided.objectives.get(name, "minimize") for name in (x, y)]
    points = np.array([[record.values[x], record.values[y]] for record in done])
    corners = points[pareto.on_front(points, ways)]
    corners = corners[np.argsort(corners[:, 0], kind="stable")] * [scale(x), scale(y)]
    end = max(points[:, 0].max(), run.manifest.decided.limits.get(x, 0)) * scale(x)
    if ways[0] == "minimize" and end > corners[-1, 0]:
        corners = np.vstack([corners, [end, corners[-1, 1]]])
    chart.add_scatter(
        x=corners[:, 0].tolist(),
        y=corners[:, 1].tolist(),
        mode="lines",
        line={"shape": "hv" if ways[0] == "minimize" else "vh", "color": INK, "width": 1.5},
        name="front",
        hoverinfo="skip",
    )
    starts, ends = corners[:-1], corners[1:]
    turns = (
        np.stack([ends[:, 0], starts[:, 1]], 1) if ways[0] == "minimize" else np.stack([starts[:, 0], ends[:, 1]], 1)
    )
    return np.vstack([np.hstack([starts, turns]), np.hstack([turns, ends])])


def _add_trials(chart: go.Figure, run: Run, records: list[Record], x: str, y: str) -> None:
    """Draw dots in the colour of the mixer with the most blocks; diamonds for trials with several mixers."""
    on_front = {record.trial for record in run.front()}
    used = {record.trial: mixers(record.architecture()) for record in records}
    palette = mixer_colours(run)
    for name, colour in palette.items():
        mine = [record for record in records if used[record.trial][0] == name]
        chart.add_scatter(
            **_xy(mine, x, y),
            mode="markers",
            name=str(escape(name)),
            visible=bool(mine),
            marker={
                "color": colour,
                "size": [13 if record.trial in on_front else 9 for record in mine],
                "symbol": ["circle" if len(used[record.trial]) == 1 else "diamond" for record in mine],
                "opacity": [1.0 if record.trial in on_front else 0.7 for record in mine],
                "line": {"color": [INK if r.trial in on_front else "white" for r in mine], "width": 1},
            },
            hovertext=[hover(run, record, front=record.trial in on_front) for record in mine],
            hoverinfo="text",
        )


def mixer_colours(run: Run) -> dict[str, str]:
    """Return the colours of the run's mixers, the most used one first."""
    used = [mixer for record in run.done() for mixer in mixers(record.architecture())]
    return dict(colours(sorted(set(used), key=lambda name: (-used.count(name), name))))


def _add_published(chart: go.Figure, run: Run, records: Sequence[Record], x: str, y: str) -> None:
    """Draw the published models that were trained here."""
    if records:
        chart.add_scatter(
            **_xy(records, x, y),
            mode="markers",
            name="published, trained here",
            marker={"color": "white", "size": 13, "symbol": "star", "line": {"color": INK, "width": 1.5}},
            hovertext=[hover(run, record) for record in records],
            hoverinfo="text",
        )


def _add_strip(chart: go.Figure, published: Sequence[Neighbour], frame: Frame) -> None:
    """Draw published models in a band above, which shares the cost axis only: ImageNet accuracies are not the proxy's.

    A model without a printed accuracy is a tick on the band's lower edge. If names would overlap, the more accurate
    model keeps its own; the pointer shows all of them.
    """
    published = sorted(published, key=lambda model: -(model.printed.top1 or 0))
    tops = [model.printed.top1 for model in published if model.printed.top1 is not None] or [0.75, 0.8]
    low, high = min(tops) - 0.02, max(tops) + 0.015
    printed = [low if model.printed.top1 is None else model.printed.top1 for model in published]
    names = [model.name for model in published]
    up = [(top - low) / (high - low) for top in printed]
    across = frame.shares(np.array([[model.macs, 0.0] for model in published]))[:, 0]
    places = choose_sides(across.tolist(), up, names)
    chart.add_scatter(
        x=[model.macs for model in published],
        y=printed,
        yaxis="y2",
        mode="markers+text",
        name="published, ImageNet-1k as printed",
        text=[name if place else "" for name, place in zip(names, places, strict=True)],
        textposition=[place or "middle right" for place in places],
        textfont={"size": 11, "color": MUTED},
        marker={
            "color": ["white" if model.printed.top1 is not None else OTHER for model in published],
            "size": 8,
            "symbol": ["diamond" if model.printed.top1 is not None else "line-ns" for model in published],
            "line": {"color": OTHER, "width": 1.5},
        },
        cliponaxis=False,
        hovertext=[_describe_published(model) for model in published],
        hoverinfo="text",
        meta="labels",
    )
    for model in [model for model, place in zip(published, places, strict=True) if place]:
        chart.add_vline(model.macs, line={"color": LINE, "width": 1}, layer="below")
    title = {"text": "ImageNet-1k top-1<br>as printed", "font": {"size": 12, "color": MUTED}}
    upper = {"title": title, "range": [low, high], "tickformat": ".0%", "nticks": 4, "tickfont": {"color": MUTED}}
    chart.update_layout(
        xaxis={"showgrid": False},
        yaxis={"domain": [0, 0.95 - STRIP]},
        yaxis2=upper | {"domain": [1 - STRIP, 1], "anchor": "x"},
    )


def _describe_published(model: Neighbour) -> str:
    top1 = model.printed.top1
    return "<br>".join(
        [
            f"<b>{escape(model.name)}</b>, published",
            f"{text('macs', model.macs)} · {text('params', model.params)} (our count)",
            "no top-1 printed for ImageNet-1k alone"
            if top1 is None
            else f"{cell('top1', top1)} ImageNet-1k top-1, printed",
        ]
    )
