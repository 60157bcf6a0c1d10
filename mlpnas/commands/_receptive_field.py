"""A figure of a network's receptive fields: one column per stage, its first block above the whole network."""

import logging
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from mlpnas.errors import ExportError
from mlpnas.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlpnas.report.receptive_field import Panel

_INCH, _DOTS = 2.3, 220  # side of a panel; dots per inch
_INK, _MUTED, _LINE = "#1b2330", "#5a6475", "#b8c0cc"


def write_png(title: str, panels: "list[Panel]", path: Path) -> None:
    """Write the figure to a PNG file; raise ExportError if `path` cannot be written."""
    try:
        with replacing(path) as temporary:
            draw(title, panels).savefig(temporary, format="png", dpi=_DOTS)
    except OSError as error:
        raise ExportError(f"--png {path}: cannot be written ({error.strerror}); name another file") from None


def draw(title: str, panels: "list[Panel]") -> "Figure":
    """Return the figure; the two panels of a single stage are side by side."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it would warn about a missing settings folder
    from matplotlib.figure import Figure

    rows, columns = (2, len(panels)) if len(panels) > 1 else (1, 2)
    figure = Figure((_INCH * columns + 1.2, (_INCH + 0.32) * rows + 0.75), layout="constrained")
    figure.suptitle(title, color=_INK, fontsize=12, fontweight="bold")
    axes = figure.subplots(rows, columns, squeeze=False)
    firsts, wholes = (axes[0, :1], axes[0, 1:]) if rows == 1 else axes
    for panel, first, whole in zip(panels, firsts, wholes, strict=True):
        first.set_title(_heading(panel, len(panels)), fontsize=9, color=_INK)
        _plane(first, panel.block, panel.block_words)
        _cells(first, panel.block)
        image = _plane(whole, panel.network, panel.network_words)
    firsts[0].set_ylabel("one block", fontsize=10, color=_INK)
    wholes[0].set_ylabel("the network up to here" if rows == 2 else "the network", fontsize=10, color=_INK)
    _scale(figure, image, axes)
    return figure


def _heading(panel: "Panel", count: int) -> str:
    words = [panel.title if count > 1 else "", panel.mixer, fill(panel.options, 28)]
    return "\n".join(filter(None, words))


def _plane(axes: Any, field: Any, words: str) -> Any:
    from matplotlib.colors import ListedColormap

    from mlpnas.report.receptive_field import palette, strength

    nowhere, *ramp = palette() / 255
    colours = ListedColormap(ramp, bad=nowhere)
    image = axes.imshow(strength(field), cmap=colours, vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(words, fontsize=8, color=_MUTED)
    axes.spines[:].set(color=_LINE, linewidth=0.8)
    return image


def _cells(axes: Any, field: Any) -> None:
    """Draw lines between tokens that are large enough."""
    height, width = field.shape
    if max(height, width) <= 32:
        style = {"color": _LINE, "linewidth": 0.4}
        axes.vlines([place + 0.5 for place in range(width - 1)], -0.5, height - 0.5, **style)
        axes.hlines([place + 0.5 for place in range(height - 1)], -0.5, width - 0.5, **style)


def _scale(figure: Any, image: Any, axes: Any) -> None:
    from mlpnas.report.receptive_field import DECADES

    bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=30, pad=0.02)
    bar.set_ticks([step / DECADES for step in range(DECADES + 1)])
    bar.set_ticklabels([rf"$10^{{{step - DECADES}}}$" for step in range(DECADES)] + ["1"], fontsize=8, color=_MUTED)
    bar.set_label("gradient, the strongest 1; white: none", fontsize=9, color=_INK)
    bar.outline.set(color=_LINE, linewidth=0.8)
