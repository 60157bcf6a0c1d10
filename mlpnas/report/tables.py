"""The page's tables and lists as plain text; the template escapes it."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mlpnas.named import word
from mlpnas.plain_text import plural
from mlpnas.record import Record
from mlpnas.report.front_chart import mixer_colours
from mlpnas.report.published import Neighbour, published_name
from mlpnas.report.style import OTHER
from mlpnas.report.wording import cell, columns, data_name, grid, label, options, short, text
from mlpnas.run import Run, runs_folder
from mlpnas.spec import ArchSpec


class StageLine(NamedTuple):
    """One stage of a network as the page draws it."""

    colour: str
    depth: int
    mixer: str
    options: str
    facts: str


class FrontLine(NamedTuple):
    """One row of the table of the best."""

    trial: int
    tags: list[str]
    stages: list[StageLine]
    cells: list[str]
    command: str


def front_lines(run: Run) -> list[FrontLine]:
    """Return the front, the best in the first objective first."""
    name, way = next(iter(run.manifest.decided.objectives.items()))
    front = sorted(run.front(), key=lambda record: record.values[name], reverse=way == "maximize")
    palette, places = mixer_colours(run), columns(run)
    return [
        FrontLine(
            record.trial,
            _tags(run, record, len(front)),
            _stage_lines(record.architecture(), palette),
            [cell(place, record.values.get(place)) for place in places],
            export_command(run, str(record.trial)),
        )
        for record in front
    ]


def headings(run: Run) -> list[str]:
    """Return the headings of `columns`."""
    return [label(name) for name in columns(run)]


def _tags(run: Run, record: Record, count: int) -> list[str]:
    picks = ["best", "knee"] if count > 2 else ["best"]
    tags = [which for which in picks if run.pick(which) is record]
    return tags + ([published_name(record)] if record.origin == "published" else [])


def _stage_lines(spec: ArchSpec, palette: Mapping[str, str]) -> list[StageLine]:
    lines = []
    for stage, size in zip(spec.stages, spec.grids(), strict=True):
        mlp = f"MLP {stage.mlp_ratio:g}" if stage.mlp_ratio else "no MLP"
        inner = ", ".join(f"{name} {word(value)}" for name, value in options(stage.mixer).items())
        facts = f"{grid(size)} · {stage.width} ch · {mlp}"
        colour = palette.get(stage.mixer.name, OTHER)
        lines.append(StageLine(colour, stage.depth, stage.mixer.name, inner, facts))
    return lines


def name_of(run: Run) -> str:
    """Return the run's name on the command line: its name under runs/, or its path."""
    return run.path.name if run.path.parent == runs_folder() else run.place


def export_command(run: Run, pick: str) -> str:
    """Return the command that exports a trial."""
    return shlex.join(["mlpnas", "export", name_of(run), "--pick", pick, "--to", f"{run.path.name}-{pick}"])


def unfinished(run: Run) -> list[list[str]]:
    """Return the trials that ended without a result: number, status, reason, architecture, MACs."""
    rows = [record for record in run.records if record.status not in ("done", "stopped")]
    return [
        [
            str(r.trial),
            r.status.replace("_", " "),
            r.error,
            short(r.architecture()),
            cell("macs", r.values.get("macs")),
        ]
        for r in rows
    ]


def published_rows(models: Sequence[Neighbour]) -> list[list[str]]:
    """Return rows of published models: name, our MACs and params, printed FLOPs and ImageNet top-1, source."""
    rows = []
    for model in models:
        paper = model.printed
        flops = f"{paper.gflops:g} G ({paper.gflops_convention})" if paper.gflops else "-"
        source = "; ".join(part for part in (paper.source, paper.notes) if part)
        costs = [cell("macs", model.macs), cell("params", model.params)]
        rows.append([model.name, *costs, flops, cell("top1", paper.top1), source])
    return rows


def facts(run: Run) -> dict[str, str]:
    """Return the figures at the top of the page."""
    asked, decided = run.manifest.asked, run.manifest.decided
    found = {
        "networks on the front": str(len(run.front())) if run.done() else "",
        "hypervolume": f"{run.hypervolume():.3f}" if run.done() and decided.reference else "",
        "budget": ", ".join(asked.budget) or ", ".join(text(name, value) for name, value in decided.limits.items()),
        "data": data_name(run),
        "proxy training": f"{decided.recipe['epochs']} epochs" if "epochs" in decided.recipe else "",
        "sampler": str(asked.sampler),
    }
    return {name: value for name, value in found.items() if value}


def settings(run: Run) -> dict[str, dict[str, str]]:
    """Return the settings of the run: heading -> {name: value}."""
    m = run.manifest
    asked, decided, found = m.asked, m.decided, m.found
    limits = ", ".join(f"{label(name)} ≤ {cell(name, value)}" for name, value in decided.limits.items())
    search = {
        "space": m.space,
        "space hash": m.space_hash,
        "budget": ", ".join(asked.budget),
        "limits": limits,
        "objectives": ", ".join(f"{way} {label(name)}" for name, way in decided.objectives.items()),
        "hypervolume against": ", ".join(
            f"{label(name)} {cell(name, value)}" for name, value in decided.reference.items()
        ),
        "sampler": str(asked.sampler),
        "fidelity": f"epochs {', '.join(map(str, decided.fidelity))}" if decided.fidelity else "",
        "seed": str(asked.seed),
        "backend": f"{asked.backend}, {plural(decided.workers, 'worker')}" if asked.backend else "",
    }
    groups = {"Search": search} | {
        title: {str(key).replace("_", " "): _plain(value) for key, value in given.items()}
        for title, given in (
            ("Data", {**decided.data, **found.data}),
            ("Recipe", decided.recipe),
            ("Versions", found.versions),
            ("Machine", found.machine),
        )
    }
    kept = {title: {key: value for key, value in group.items() if value} for title, group in groups.items()}
    return {title: group for title, group in kept.items() if group}


def _plain(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list() | tuple():
            return ", ".join(map(_plain, value))
        case dict():
            return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    return str(value)
