"""The look of the charts: one palette, one layout, axes by the name of the quantity that they show."""

from collections.abc import Iterable, Mapping
from typing import Any

import plotly.graph_objects as go

from mlpnas.objectives import describe

INK, MUTED, EDGE, LINE, ACCENT = "#1b2330", "#5a6475", "#b8c0cc", "#e4e8ee", "#2457a6"
# at least 3:1 against white, and apart from each other for colour-blind readers; grey is for the rest
_MARKS = ("#2a6fb8", "#c8553d", "#2b8a66", "#8458b3", "#a97a12", "#c2457e", "#3b8596")
OTHER = "#7c8696"
_TOP = 16
AROUND = 64  # pixels above and below the drawing area
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


def colours(names: Iterable[str]) -> Mapping[str, str]:
    """Return a colour for each name in their order; the names that are left over are grey."""
    distinct = list(dict.fromkeys(names))
    return {name: _MARKS[place] if place < len(_MARKS) else OTHER for place, name in enumerate(distinct)}


def shades(count: int) -> list[str]:
    """Return the colours of a ranking: the first one dark, the last one light but readable."""
    dark, light = (20, 52, 110), (148, 178, 214)
    shares = [place / max(count - 1, 1) for place in range(count)]
    mixed = [[round(d + (b - d) * share) for d, b in zip(dark, light, strict=True)] for share in shares]
    return [f"rgb({red},{green},{blue})" for red, green, blue in mixed]


def scale(name: str) -> float:
    """Return the factor of a value on its axis: latency is drawn in ms, bytes in MiB."""
    return describe(name).format.scale


def axis(name: str, **more: Any) -> dict[str, Any]:
    """Return a plotly axis for one objective or cost."""
    about = describe(name)
    form, unit = about.format, about.format.axis_unit
    clipped = {"autorangeoptions": dict(zip(("clipmin", "clipmax"), form.extent, strict=True))} if form.extent else {}
    title = {"text": about.label + (f" ({unit})" if unit else "")}
    return {"title": title, "tickformat": form.ticks} | clipped | more


def figure(height: int = 340) -> go.Figure:
    """Return an empty figure in our style."""
    both = {"gridcolor": LINE, "linecolor": EDGE, "tickcolor": EDGE, "zeroline": False, "automargin": True}
    template = go.layout.Template(layout={"xaxis": both | {"showline": True, "ticks": "outside"}, "yaxis": both})
    return go.Figure(
        layout={
            "template": template,
            "height": height,
            "font": {"family": FONT, "size": 13, "color": INK},
            "margin": {"l": 64, "r": 16, "t": _TOP, "b": AROUND - _TOP},
            "paper_bgcolor": "white",
            "plot_bgcolor": "white",
            "hovermode": "closest",
            "hoverlabel": {"bgcolor": "white", "bordercolor": EDGE, "font": {"color": INK}, "align": "left"},
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"color": MUTED}},
        }
    )
