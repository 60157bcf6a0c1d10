"""The smaller charts: progress over trials, accuracy by mixer, training curves."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from statistics import median

import numpy as np
import plotly.graph_objects as go
from markupsafe import escape

from mlpnas import pareto
from mlpnas.objectives import Objective, describe
from mlpnas.plain_text import plural
from mlpnas.record import EpochRow, Record
from mlpnas.report.front_chart import hover, mixer_colours
from mlpnas.report.style import ACCENT, EDGE, OTHER, axis, figure, scale, shades
from mlpnas.report.wording import mixers, trained_objective
from mlpnas.run import Run

_STEPS = 200  # enough points for a line; each one costs a hypervolume
_FAINT = {"mode": "lines+markers", "line": {"color": EDGE, "width": 1}, "marker": {"size": 4}, "hoverinfo": "skip"}


def best_so_far(run: Run) -> go.Figure | None:
    """Draw the first objective trial by trial, and the best until then; None below two finished trials."""
    done = run.done()
    if len(done) < 2:
        return None
    name, way = next(iter(run.manifest.decided.objectives.items()))
    values = [record.values[name] * scale(name) for record in done]
    trials = [record.trial for record in done]
    chart = figure(300)
    chart.add_scatter(
        x=trials,
        y=values,
        mode="markers",
        name="trial",
        marker={"color": OTHER, "size": 6, "opacity": 0.7},
        hovertext=[hover(run, record) for record in done],
        hoverinfo="text",
    )
    best = list(accumulate(values, max if way == "maximize" else min))
    line = {"shape": "hv", "color": ACCENT, "width": 2}
    chart.add_scatter(x=trials, y=best, mode="lines", line=line, name="best so far", hoverinfo="skip")
    return chart.update_layout(xaxis={"title": {"text": "trial"}}, yaxis=axis(name))


def hypervolume(run: Run) -> go.Figure | None:
    """Draw the hypervolume after each trial; None without a reference point or below two finished trials."""
    done, reference = run.done(), run.manifest.decided.reference
    names = list(run.manifest.decided.objectives)
    if len(done) < 2 or any(name not in reference for name in names):
        return None
    points, corner = run.points(done), [reference[name] for name in names]
    counts = sorted({round(count) for count in np.linspace(1, len(done), min(len(done), _STEPS))})
    volumes = [pareto.hypervolume(points[:count], run.directions, corner) for count in counts]
    chart = figure(300)
    chart.add_scatter(
        x=[done[count - 1].trial for count in counts],
        y=volumes,
        mode="lines",
        line={"shape": "hv", "color": ACCENT, "width": 2},
        name="hypervolume",
        hovertemplate="trial %{x}: %{y:.4f}<extra></extra>",
        showlegend=False,
    )
    return chart.update_layout(xaxis={"title": {"text": "trial"}}, yaxis={"title": {"text": "hypervolume"}})


def by_mixer(run: Run) -> go.Figure | None:
    """Draw the first objective by mixer, the best median first; None below two mixers."""
    name, way = next(iter(run.manifest.decided.objectives.items()))
    users = _users(run.done())
    if len(users) < 2:
        return None
    value = {record.trial: record.values[name] * scale(name) for record in run.done()}
    on_front, palette = {record.trial for record in run.front()}, mixer_colours(run)
    order = sorted(users, key=lambda mixer: median(value[r.trial] for r in users[mixer]), reverse=way == "maximize")
    chart = figure(340)
    for mixer in order:
        records = users[mixer]
        kept = sum(record.trial in on_front for record in records)
        chart.add_box(
            y=[value[record.trial] for record in records],
            name=f"{escape(mixer)}<br>{plural(len(records), 'trial')}<br>{kept} on the front",
            boxpoints="all",
            jitter=0.5,
            pointpos=0,
            line={"color": palette[mixer], "width": 1.5},
            fillcolor="rgba(0,0,0,0.03)",
            marker={"color": palette[mixer], "size": 6, "opacity": 0.75},
            hovertext=[hover(run, record, front=record.trial in on_front) for record in records],
            hoverinfo="text",
            hoveron="points",
            showlegend=False,
        )
    return chart.update_layout(yaxis=axis(name))


def _users(records: Sequence[Record]) -> dict[str, list[Record]]:
    users: dict[str, list[Record]] = {}
    for record in records:
        for mixer in mixers(record.architecture()):
            users.setdefault(mixer, []).append(record)
    return users


def curves(run: Run, rows: Mapping[int, Sequence[EpochRow]], best: int = 10) -> go.Figure | None:
    """Draw the first trained objective by epoch: of the front's `best` trials, over those that were stopped early.

    Return None if there are no curves.
    """
    name, way = next(iter(run.manifest.decided.objectives.items()))
    trained = trained_objective(run)
    shown = describe(trained)
    front = sorted(
        (r for r in run.front() if rows.get(r.trial)), key=lambda r: r.values[name], reverse=way == "maximize"
    )
    if not front:
        return None
    chart = figure(340)
    if stopped := [rows[record.trial] for record in run.records if record.status == "stopped" and record.trial in rows]:
        chart.add_scatter(**_join(stopped, shown), name=f"{len(stopped)} stopped early", **_FAINT)
    for record, colour in zip(front[:best], shades(len(front[:best])), strict=True):
        points = sorted(rows[record.trial], key=lambda row: row.epoch)
        chart.add_scatter(
            x=[row.epoch for row in points],
            y=_axis_values(points, shown),
            mode="lines+markers",
            name=f"trial {record.trial}",
            line={"color": colour, "width": 1.8},
            marker={"size": 5},
            hovertext=[f"trial {row.trial}, epoch {row.epoch}: {_text(row, shown)}" for row in points],
            hoverinfo="text",
        )
    last = max(row.epoch for record in front[:best] for row in rows[record.trial])
    whole = {"title": {"text": "epoch"}, "tickformat": "d", "dtick": max(1, last // 10)}
    return chart.update_layout(xaxis=whole, yaxis=axis(trained, title={"text": f"{shown.label} on val"}))


def _axis_values(curve: Iterable[EpochRow], shown: type[Objective]) -> list[float | None]:
    """Return an objective by epoch as it is drawn; None if an epoch has no value."""
    values = [row.values.get(shown.column) for row in curve]
    return [None if value is None else value * shown.format.scale for value in values]


def _text(row: EpochRow, shown: type[Objective]) -> str:
    return shown.format.text(row.values.get(shown.column, math.nan), shown.label)


def _join(curves: Iterable[Sequence[EpochRow]], shown: type[Objective]) -> dict[str, list[float | None]]:
    """Join many curves into one line with gaps, so that they have one entry in the legend."""
    x: list[float | None] = []
    y: list[float | None] = []
    for curve in curves:
        x += [*(row.epoch for row in curve), None]
        y += [*_axis_values(curve, shown), None]
    return {"x": x, "y": y}
