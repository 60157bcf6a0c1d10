"""The model card: the model, its search, its use."""

from collections.abc import Iterable, Mapping
from html import escape

from mlpnas.costs import cost
from mlpnas.objectives import describe
from mlpnas.plain_text import masked, visible
from mlpnas.record import Record
from mlpnas.run import Run
from mlpnas.spec import ArchSpec
from mlpnas.units import show


def card(run: Run, record: Record, spec: ArchSpec, is_trained: bool, origin: str, facts: Mapping[str, object]) -> str:
    """Return the card in Markdown; its publisher adds the licence."""
    weights = "**Weights:** " + escape(origin, quote=False) + ("" if is_trained else ". **Train it before use.**")
    parts = [
        "---\nlibrary_name: mlpnas\ntags: [image-classification, neural-architecture-search]\n"
        "license: # yours to choose: a model has the licence that its author and its data allow\n---",
        f"# {_plain(run.manifest.name)}, trial {record.trial}",
        f"An image backbone with classifier, found by architecture search with mlpnas. {weights}",
        "## Use",
        _use(spec, facts),
        "## Architecture",
        _table(("stage", "grid", "width", "depth", "token mixer", "channel MLP", "norm"), _stages(spec)),
        f"Stem: patches of {spec.stem.patch}x{spec.stem.patch}, norm {_plain(spec.stem.norm)}. "
        f"Head: norm {_plain(spec.norm)}, pool {_plain(spec.pool)}. Key `{spec.key}`; all of it stands in `spec.json`.",
        "## Cost",
        _costs(spec),
        "## How it was found",
        _found(run, record),
        "## Limits",
        "The accuracy above belongs to the network that the search trained, at the search's fidelity, on images that "
        "the search chose by. It is a ranking, not the accuracy after full training.",
    ]
    return "\n\n".join(parts) + "\n"


def _use(spec: ArchSpec, facts: Mapping[str, object]) -> str:
    height, width = spec.image
    code = (
        "```python\nimport mlpnas\n\n"
        'network = mlpnas.load("path/to/this/folder")\n'
        f"logits = network(images)  # float32 (batch, {spec.channels}, {height}, {width})"
        f" -> (batch, {spec.classes})\n```"
    )
    if not {"mean", "std"} <= facts.keys():
        return f"{code}\n\nPixels between 0 and 1, normalised as in training (mean and deviation of the train images)."
    mean, std = (_numbers(facts[name]) for name in ("mean", "std"))
    return f"{code}\n\nPixels between 0 and 1; per channel less {mean}, then over {std}."


def _numbers(values: object) -> str:
    return ", ".join(map(str, values)) if isinstance(values, list) else str(values)


def _stages(spec: ArchSpec) -> Iterable[tuple[object, ...]]:
    for number, (stage, grid) in enumerate(zip(spec.stages, spec.grids(), strict=True), 1):
        mlp = f"x {stage.mlp_ratio:g}" if stage.mlp_ratio else "none"
        yield number, "x".join(map(str, grid.shape)), stage.width, stage.depth, stage.mixer, mlp, stage.norm


def _costs(spec: ArchSpec) -> str:
    found = cost(spec)
    rows = [
        ("parameters", f"{found.params:,}"),
        ("multiply-accumulates (1 MAC = 1 FLOP as papers count)", f"{found.macs:,}"),
        ("activations kept in training, float32", show(found.activation_bytes, "bytes")),
        ("activations alive at once in inference, float32", show(found.peak_bytes, "bytes")),
    ]
    height, width = spec.image
    return f"For one image of {height}x{width}:\n\n" + _table(("cost", "value"), rows)


def _found(run: Run, record: Record) -> str:
    manifest, facts = run.manifest, run.manifest.found.data
    shown = {name: describe(name) for name in record.values}
    shown = {name: about for name, about in shown.items() if about.needs_training or about.unit == "s"}
    told = ", ".join(about.format.text(record.values[name], about.label) for name, about in shown.items())
    data = facts.get("name") or manifest.decided.data.get("source", "")
    rows = [
        ("run", manifest.name),
        ("trial", f"{record.trial}, one of {sum(r.origin != 'duplicate' for r in run.records)}"),
        ("space", f"{manifest.space} ({manifest.space_hash})"),
        ("command", manifest.command),
        ("data", f"{data} (fingerprint {facts.get('fingerprint', 'unknown')}, split by seed {manifest.asked.seed})"),
        ("result on val", told or "none"),
        ("recipe", record.recipe),
        ("versions", ", ".join(f"{name} {version}" for name, version in manifest.found.versions.items())),
    ]
    return _table(("", ""), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)


def _plain(text: object) -> str:
    """Return foreign text for Markdown: one line without markup, HTML and credentials."""
    plain = visible(masked(" ".join(str(text).split())))
    for mark in "\\`*_|[]":
        plain = plain.replace(mark, "\\" + mark)
    return escape(plain, quote=False)
