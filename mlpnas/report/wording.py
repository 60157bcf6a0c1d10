"""Numbers and architectures in words, the same in the report and on the command line."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from mlpnas import plugins
from mlpnas.errors import UnknownName
from mlpnas.named import Scalar, word
from mlpnas.objectives import describe
from mlpnas.plain_text import plural
from mlpnas.record import FAILURES
from mlpnas.run import Run
from mlpnas.spec import ArchSpec, Grid, Layer, Stage
from mlpnas.units import PERCENT, duration

_UNEVEN = 0.8  # top-1 of always guessing one class, above which it is said


def label(name: str) -> str:
    """Return the name of an objective or cost for people: label("top1") == "top-1"."""
    return describe(name).label


def text(name: str, value: float | None) -> str:
    """Write a value so that it says what it is: text("top1", 0.972) == "97.2 % top-1"."""
    about = describe(name)
    return f"{about.label} -" if value is None else about.format.text(value, about.label)


def cell(name: str, value: float | None) -> str:
    """Write a value under a heading that names the quantity: cell("macs", 1.32e6) == "1.32 M"."""
    return "-" if value is None else describe(name).format.cell(value)


def texts(values: Mapping[str, Any], wanted: Iterable[str]) -> list[str]:
    """Write the values of a trial that are wanted, then its MACs and parameters; what is not known is left out."""
    return [text(name, values[name]) for name in dict.fromkeys([*wanted, "macs", "params"]) if name in values]


def trained_objective(run: Run) -> str:
    """Return the first objective of the run that training measures; top1, where there is none."""
    return next((name for name in run.manifest.decided.objectives if describe(name).needs_training), "top1")


def columns(run: Run) -> list[str]:
    """Return the names of the values that tables of trials show: the objectives, then macs and params."""
    return list(dict.fromkeys([*run.manifest.decided.objectives, "macs", "params"]))


def grid(size: Grid) -> str:
    """Write a grid: 14x14, or 14x14+1 with a class token."""
    return f"{size.height}x{size.width}" + (f"+{size.extra}" if size.extra else "")


def options(mixer: Layer) -> dict[str, Scalar]:
    """Return the options of a mixer, defaults included; what is off is left out."""
    try:
        known = plugins.options(plugins.find("mixers", mixer.name), skip=2)
    except UnknownName:
        known = {}
    given = {name: parameter.default for name, parameter in known.items()} | dict(mixer.options)
    return {name: value for name, value in given.items() if value is not None and value is not False}


def stage(stage: Stage, size: Grid) -> str:
    """Describe a stage in one line: 14x14 · 48 channels · 3 x axial_shift(shift_size=5, dilation=1) · MLP 2."""
    mlp = f"MLP {stage.mlp_ratio:g}" if stage.mlp_ratio else "no MLP"
    inner = ", ".join(f"{name}={word(value)}" for name, value in options(stage.mixer).items())
    mixer = f"{stage.mixer.name}({inner})" if inner else stage.mixer.name
    return f"{grid(size)} · {stage.width} channels · {stage.depth} x {mixer} · {mlp}"


def stages(spec: ArchSpec) -> list[str]:
    """Describe every stage in one line."""
    return [stage(item, size) for item, size in zip(spec.stages, spec.grids(), strict=True)]


def short(spec: ArchSpec) -> str:
    """Describe an architecture in one line without defaults: 2 x gmlp 32, 3 x axial_shift(shift_size=3) 64."""
    return ", ".join(f"{item.depth} x {item.mixer} {item.width}" for item in spec.stages)


def mixers(spec: ArchSpec) -> list[str]:
    """Return the token mixers of an architecture, the one with the most blocks first."""
    depths: Counter[str] = Counter()
    for item in spec.stages:
        depths[item.mixer.name] += item.depth
    return [name for name, _ in depths.most_common()]


def answer(run: Run) -> str:
    """Say what the run found: `Best: trial 17, 97.2 % top-1 on mnist5k val at 1.32 MMACs, 41 k params`."""
    if not run.done():
        return "No trial has finished" if run.records else "No trial yet"
    best, data = run.best(), data_name(run)
    name, *others = run.manifest.decided.objectives
    costs = dict.fromkeys(n for n in (*others, "macs", "params") if n in best.values and n != name)
    where = f" on {data} val" if data and describe(name).needs_training else ""
    where += _guessing(run, name)
    at = ", ".join(text(cost, best.values[cost]) for cost in costs)
    return f"Best: trial {best.trial}, {text(name, best.values[name])}{where}" + (f" at {at}" if at else "")


def _guessing(run: Run, name: str) -> str:
    """Return the top-1 of always answering the largest class if that is much; beside other shares, too."""
    chance = run.manifest.found.data.get("chance", 0.0)
    is_uneven = describe(name).format is PERCENT and isinstance(chance, float) and chance > _UNEVEN
    return f" ({text('top1', chance)} by always guessing the largest class)" if is_uneven else ""


def data_name(run: Run) -> str:
    """Return the name of the run's data: mnist5k, or the name of a folder."""
    return str(run.manifest.found.data.get("name") or run.manifest.decided.data.get("source", ""))


def tally(run: Run) -> str:
    """Say how the search went, without repeats: `24 trials, 2 failed, 3m 40s`."""
    ends = Counter(record.status for record in run.records if record.origin != "duplicate")
    parts = [plural(ends.total(), "trial")]
    counts = {
        "failed": sum(ends[s] for s in FAILURES),
        "stopped early": ends["stopped"],
        "over budget": ends["over_budget"],
    }
    parts += [f"{count} {word}" for word, count in counts.items() if count]
    return ", ".join([*parts, duration(run.seconds())])


def certainty(run: Run) -> str:
    """Say how far the best share of images may be off by their choice; "" if the first objective is no such share."""
    images = run.manifest.found.data.get("images")
    count = images.get("val", 0) if isinstance(images, Mapping) else 0
    name = next(iter(run.manifest.decided.objectives))
    if not run.done() or not count or not describe(name).is_proportion:
        return ""
    share = run.best().values[name]
    # Wilson's interval, which is not empty for a share of 0 or 1
    z = 1.96
    margin = z / (1 + z**2 / count) * (share * (1 - share) / count + z**2 / (4 * count**2)) ** 0.5
    return (
        f"With {count} validation images, {label(name)} is known to ± {100 * margin:.1f} points (95 % confidence); "
        "the best of many is also picked by luck, so expect slightly less on test."
    )
