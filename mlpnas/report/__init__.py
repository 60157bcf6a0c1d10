"""The report of a run: one HTML page that needs no network, opens anywhere and prints well."""

from pathlib import Path
from secrets import token_urlsafe
from shlex import quote
from typing import TYPE_CHECKING, Any

from mlpnas.errors import RunError
from mlpnas.files import write_text
from mlpnas.remote import reason, write_bytes
from mlpnas.run import Run
from mlpnas.run_files import REPORT

if TYPE_CHECKING:
    import plotly.graph_objects as go


def write_report(run: Run, file: Path | None = None) -> Path:
    """Write `report.html` into the run folder, whatever state the run is in, and return its path.

    Where the run is kept elsewhere it is written there too, and the path is that of its copy.

    Args:
        file: to be written instead, and nothing in the run folder.

    Raises:
        RunError: the trials cannot be read, or the report cannot be written, or not be sent to where the run is kept.
    """
    path = file or run.path / REPORT
    html = page(run)
    try:
        write_text(path, html)
    except OSError as error:
        write_elsewhere = f"`mlpnas report {quote(run.place)} --output FILE` writes it elsewhere"
        remedy = "name another file" if file else write_elsewhere
        raise RunError(f"{path}: cannot be written ({error.strerror}); {remedy}") from None
    if run.mirror and not file:
        _send(run.mirror.join(path.name), html, path)
    return path


def _send(uri: str, html: str, path: Path) -> None:
    try:
        write_bytes(uri, html.encode())
    except OSError as error:
        raise RunError(f"{uri}: cannot be written ({reason(error)}); the report is in {path}") from None


def page(run: Run) -> str:
    """Return the page as HTML, with plotly, styles and figures inside."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from plotly.offline import get_plotlyjs

    pages = Environment(
        loader=PackageLoader("mlpnas.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    charts = _charts(run)
    html = pages.get_template("report.html.j2").render(
        _contents(run), charts=charts, plotly=get_plotlyjs() if any(charts.values()) else "", nonce=token_urlsafe(16)
    )
    return html.encode("utf-8", "backslashreplace").decode()  # a name may hold half a character


def _contents(run: Run) -> dict[str, Any]:
    import mlpnas
    from mlpnas.report import audit, tables, wording
    from mlpnas.report.front_chart import axes_of
    from mlpnas.report.published import describe_counting, neighbours
    from mlpnas.report.receptive_field import RAMP, drawings

    audits = audit.audit_run(run, run.done())
    x, y = map(wording.label, axes_of(run))
    return {
        "manifest": run.manifest,
        "x": x,
        "y": y,
        "answer": wording.answer(run),
        "tally": wording.tally(run),
        "facts": tables.facts(run),
        "headings": tables.headings(run),
        "front": tables.front_lines(run),
        "certainty": wording.certainty(run),
        "fields": drawings(run),
        "ramp": RAMP,
        "audits": audit.rows(audits),
        "audit_headings": audit.HEADINGS,
        "about_scores": audit.explain(audits),
        "unfinished": tables.unfinished(run),
        "published_as": describe_counting(run),
        "published": tables.published_rows(neighbours(run)),
        "settings": tables.settings(run),
        "set_aside": run.set_aside(),
        "version": mlpnas.__version__,
    }


def _charts(run: Run) -> dict[str, str]:
    """Return plotly's JSON by name; "" for a chart that would show nothing."""
    from mlpnas.report import charts, front_chart
    from mlpnas.report.published import neighbours

    figures = {
        "front": front_chart.front_chart(run, neighbours(run)),
        "best_so_far": charts.best_so_far(run),
        "hypervolume": charts.hypervolume(run),
        "by_mixer": charts.by_mixer(run),
        "curves": charts.curves(run, run.store.curves()),
    }
    return {name: _json(figure) if figure else "" for name, figure in figures.items()}


def _json(figure: "go.Figure") -> str:
    import plotly.io

    return plotly.io.to_json(figure, engine="json").replace("<", "\\u003c")  # nothing in it ends the script element
