"""The front: every trial by cost and accuracy, with the published models of that cost above it, on their own scale."""

from collections.abc import Sequence
from math import log10

import numpy as np
import plotly.graph_objects as go
from markupsafe import escape

from mlpnas import pareto
from mlpnas.record import Record
from mlpnas.report.labels import sides
from mlpnas.report.published import Neighbour, published_name
from mlpnas.report.style import ACCENT, INK, LINE, MUTED, OTHER, axis, colours, cost_axis, figure, scale
from mlpnas.report.wording import cell, mixers, stages, text
from mlpnas.run import Run
from mlpnas.units import SHARES

STRIP = 0.27  # share of the height for the published models


def axes_of(run: Run) -> tuple[str, str]:
    """(cost, objective) that are drawn: the first objective over MACs, unless other costs are the objectives."""
    names = list(run.manifest.objectives)
    y = next((name for name in names if name != "macs"), names[0])
    others = [name for name in names if name != y]
    return ("macs" if "macs" in others or not others else others[0]), y


def front_chart(run: Run, published: Sequence[Neighbour]) -> go.Figure | None:
    """None where no trial has both values."""
    x, y = axes_of(run)
    done = [record for record in run.done() if x in record.values]
    if not done:
        return None
    seen = [record.values[x] * scale(x) for record in done]
    span = min(seen), max([*seen, run.manifest.limits.get(x, 0) * scale(x)])
    chart = figure(560)
    _staircase(chart, run, done, x, y)
    _trials(chart, run, done, x, y)
    _by_name(chart, [record for record in done if record.origin == "published"], x, y)
    chart.update_layout(xaxis=cost_axis(x, span), yaxis=axis(y), meta={"span": span})
    _mark(chart, run, [(word, record) for word, record in _picks(run) if x in record.values], x, y)
    _limit(chart, run, x)
    if x == "macs" and published:
        _strip(chart, published)
    return chart


def hover(record: Record, *, front: bool = False) -> str:
    """What the pointer shows of a trial."""
    known = [name for name in (*SHARES, "loss", "macs", "params", "latency") if name in record.values]
    head = f"<b>trial {record.trial}</b>" + (" · on the front" if front else "")
    lines = [head, " · ".join(text(name, record.values[name]) for name in known)]
    return "<br>".join([*lines, *map(str, map(escape, stages(record.architecture())))])


def _xy(records: Sequence[Record], x: str, y: str) -> dict[str, list[float]]:
    return {axis: [r.values[name] * scale(name) for r in records] for axis, name in (("x", x), ("y", y))}


def _staircase(chart: go.Figure, run: Run, done: list[Record], x: str, y: str) -> None:
    """What is best at each cost, drawn on to the last trial or the budget."""
    ways = [run.manifest.objectives.get(name, "minimize") for name in (x, y)]
    points = np.array([[record.values[x], record.values[y]] for record in done])
    corners = points[pareto.on_front(points, ways)]
    corners = corners[np.argsort(corners[:, 0], kind="stable")] * [scale(x), scale(y)]
    end = max(points[:, 0].max(), run.manifest.limits.get(x, 0)) * scale(x)
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


def _trials(chart: go.Figure, run: Run, records: list[Record], x: str, y: str) -> None:
    """Dots in the colour of the mixer with the most blocks; a diamond where other mixers take part."""
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
            hovertext=[hover(record, front=record.trial in on_front) for record in mine],
            hoverinfo="text",
        )


def mixer_colours(run: Run) -> dict[str, str]:
    """Colours of the run's mixers, the most used one first."""
    used = [mixer for record in run.done() for mixer in mixers(record.architecture())]
    return dict(colours(sorted(set(used), key=lambda name: (-used.count(name), name))))


def _by_name(chart: go.Figure, records: list[Record], x: str, y: str) -> None:
    """Published models that were trained here, by their names."""
    if records:
        chart.add_scatter(
            **_xy(records, x, y),
            mode="markers+text",
            name="published, trained here",
            text=[str(escape(published_name(record))) for record in records],
            textposition="bottom center",
            textfont={"color": INK, "size": 12},
            marker={"color": "white", "size": 13, "symbol": "star", "line": {"color": INK, "width": 1.5}},
            hovertext=[hover(record) for record in records],
            hoverinfo="text",
        )


def _mark(chart: go.Figure, run: Run, picks: Sequence[tuple[str, Record]], x: str, y: str) -> None:
    """Words beside the best and the knee, on the side of the front where no trial can be."""
    up = "top" if run.manifest.objectives.get(y) == "maximize" else "bottom"
    words = [f"  {word}: trial {record.trial}, {cell(y, record.values[y])}  " for word, record in picks]
    shares = _shares(chart, [record.values[x] * scale(x) for _, record in picks])
    chart.add_scatter(
        **_xy([record for _, record in picks], x, y),
        mode="text",
        text=words,
        customdata=[word for word, _ in picks],
        meta="picks",
        textposition=[f"{up} {'left' if share > 0.15 else 'right'}" for share in shares],
        textfont={"size": 12, "color": INK},
        showlegend=False,
        hoverinfo="skip",
    )


def _shares(chart: go.Figure, values: Sequence[float]) -> list[float]:
    """Where values of the cost axis lie on the page, 0 at its left end and 1 at its right end."""
    position = log10 if chart.layout.xaxis.type == "log" else float
    low, high = chart.layout.meta["span"]
    return [(position(value) - position(low)) / ((position(high) - position(low)) or 1.0) for value in values]


def _picks(run: Run) -> list[tuple[str, Record]]:
    best, knee = run.pick("best"), run.pick("knee")
    return [("best", best)] + ([("knee", knee)] if knee is not best and len(run.front()) > 2 else [])


def _limit(chart: go.Figure, run: Run, x: str) -> None:
    if limit := run.manifest.limits.get(x):
        place, log = limit * scale(x), chart.layout.xaxis.type == "log"
        chart.add_vline(place, line={"color": ACCENT, "width": 1, "dash": "dash"})
        chart.add_annotation(
            x=log10(place) if log else place,
            y=0,
            yref="y domain",
            text=f"budget {text(x, limit)}",
            textangle=-90,
            xanchor="right",
            yanchor="bottom",
            xshift=-3,
            showarrow=False,
            font={"color": ACCENT, "size": 12},
        )


def _strip(chart: go.Figure, published: Sequence[Neighbour]) -> None:
    """A band above, sharing the cost axis only: ImageNet accuracies do not compare with the proxy's.

    A model without a printed accuracy is a tick on the band's lower edge. Where names would overlap, the more accurate
    model keeps its own; all have theirs on hovering.
    """
    published = sorted(published, key=lambda model: -(model.printed.top1 or 0))
    tops = [model.printed.top1 for model in published if model.printed.top1 is not None] or [0.75, 0.8]
    low, high = min(tops) - 0.02, max(tops) + 0.015
    printed = [low if model.printed.top1 is None else model.printed.top1 for model in published]
    names = [model.name for model in published]
    up = [(top - low) / (high - low) for top in printed]
    places = sides(_shares(chart, [model.macs for model in published]), up, names)
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
        hovertext=[_printed(model) for model in published],
        hoverinfo="text",
        meta="labels",
    )
    for model in [model for model, place in zip(published, places, strict=True) if place]:
        chart.add_vline(model.macs, line={"color": LINE, "width": 1}, layer="below")
    title = {"text": "ImageNet-1k top-1<br>as printed", "font": {"size": 12, "color": MUTED}}
    upper = {"title": title, "range": [low, high], "tickformat": ".0%", "nticks": 4, "tickfont": {"color": MUTED}}
    chart.update_layout(
        height=700,
        xaxis={"showgrid": False},
        yaxis={"domain": [0, 0.95 - STRIP]},
        yaxis2=upper | {"domain": [1 - STRIP, 1], "anchor": "x"},
    )


def _printed(model: Neighbour) -> str:
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
