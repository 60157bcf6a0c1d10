"""The choice of a trial's network, weights and description for an export."""

from pathlib import Path
from typing import Any

from mlpnas.errors import ExportError, SpecError
from mlpnas.exporters._card import card
from mlpnas.exporters._model import Model, fresh, with_weights
from mlpnas.nets.deploy import deploy, deploy_spec
from mlpnas.record import Record
from mlpnas.run import Run
from mlpnas.spec import ArchSpec


def model_of(run: Run, record: Record, *, as_proxy: bool = False) -> Model:
    """Return the declared network of a trial, deployed; with trained weights if it was trained itself.

    Args:
        as_proxy: return the trained proxy network with its weights instead.

    Raises:
        ExportError: with `as_proxy`, the weights were not kept; or weights cannot be read.
    """
    declared, file = run.spec(record), _weights(run, record)
    trained = _trained_spec(file) if file else None
    if as_proxy and not trained:
        raise ExportError(
            f"{run.place}: the trained weights of trial {record.trial} were not kept; "
            "those of the front are: pick one of `mlpnas front`, or leave out --proxy for its architecture"
        )
    spec = trained if as_proxy and trained else declared
    if file and spec == trained:
        network, is_trained, origin = with_weights(spec, file), True, "trained in the search"
    else:
        network, is_trained = fresh(spec, record.seed), False
        origin = f"fresh from seed {record.seed}: {_why_fresh(declared, trained)}"
    if (form := deploy_spec(spec)) != spec:
        if is_trained:
            spec, network, origin = form, deploy(network), f"{origin}, then folded by mlpnas.deploy"
        else:
            origin += "; in the form that is trained, which mlpnas.deploy folds afterwards"
    facts = _facts(run)
    return Model(spec, network, is_trained, origin, facts, card(run, record, spec, is_trained, origin, facts))


def _weights(run: Run, record: Record) -> Path | None:
    """Return the file with the trained weights; a duplicate has those of its original."""
    same = [record, *(other for other in run.records if other.key == record.key)]
    files = (run.file(other.weights) for other in same if other.weights)
    return next((file for file in files if file.is_file()), None)


def _trained_spec(file: Path) -> ArchSpec:
    """Return the architecture of a weights file, from the file itself."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as weights:
            metadata = weights.metadata() or {}
        return ArchSpec.loads(metadata.get("spec", ""))
    except (OSError, SafetensorError) as error:
        raise ExportError(f"{file}: no readable safetensors file ({error})") from None
    except SpecError as error:
        raise ExportError(f"{file}: does not say of which network it holds the weights ({error})") from None


def _why_fresh(declared: ArchSpec, trained: ArchSpec | None) -> str:
    if trained is None:
        return "the trained ones were not kept; those of the front are"
    changed = [
        f"{name} {getattr(trained, field)} for {getattr(declared, field)}"
        for field, name in (("input_size", "input size"), ("channels", "channels"), ("classes", "classes"))
        if getattr(trained, field) != getattr(declared, field)
    ]
    if trained.stages[0].width != declared.stages[0].width:
        changed.append(f"widths from {trained.stages[0].width} for {declared.stages[0].width}")
    what = ", ".join(changed) or "other options"
    return f"the search trained a proxy ({what}); --proxy exports that one"


def _facts(run: Run) -> dict[str, Any]:
    known = run.manifest.found.data
    return {name: known[name] for name in ("classes", "mean", "std") if name in known}
