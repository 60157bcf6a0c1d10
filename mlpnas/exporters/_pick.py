"""From a trial of a run to the model that leaves: which network, with which weights, and what is said of it."""

from pathlib import Path

from mlpnas.errors import ExportError
from mlpnas.exporters import Model, fresh, with_weights
from mlpnas.exporters._card import card
from mlpnas.record import Record
from mlpnas.run import Run
from mlpnas.spec import ArchSpec
from mlpnas.training.proxy import proxy
from mlpnas.training.recipe import Recipe


def model_of(run: Run, record: Record, *, as_proxy: bool = False) -> Model:
    """The declared network of a trial; with the trained weights where it is what was trained.

    Args:
        as_proxy: the network that was trained in its place, with its weights.

    Raises:
        ExportError: `as_proxy`, and its weights were not kept.
    """
    declared, trained = run.spec(record), trained_spec(run, record)
    file = _weights(run, record)
    if as_proxy and not file:
        raise ExportError(
            f"{run.path}: the trained weights of trial {record.trial} were not kept; "
            "those of the front are: pick one of `mlpnas front`, or leave out --proxy for its architecture"
        )
    spec = trained if as_proxy else declared
    is_trained = file is not None and spec == trained
    network = with_weights(spec, file) if file and is_trained else fresh(spec, record.seed)
    origin = "trained in the search" if is_trained else _why_fresh(record, spec, trained)
    facts = _facts(run)
    return Model(spec, network, is_trained, origin, facts, card(run, record, spec, is_trained, origin, facts))


def trained_spec(run: Run, record: Record) -> ArchSpec:
    """The network that was trained for a trial: for the data's channels and classes, at the recipe's fidelity.

    Raises:
        ExportError: the run does not say what data it saw.
    """
    facts = run.manifest.data_facts
    if not {"size", "classes"} <= facts.keys():
        raise ExportError(f"{run.path}/run.json: says nothing of the data's size and classes, so not what was trained")
    recipe = Recipe.loads(record.recipe)
    return proxy(
        run.spec(record),
        channels=facts["size"][0],
        classes=len(facts["classes"]),
        input_size=recipe.input_size,
        width_scale=recipe.width_scale,
    )


def _weights(run: Run, record: Record) -> Path | None:
    """The file with the trained weights; those of a repeat are its original's."""
    same = [record, *(other for other in run.records if other.key == record.key)]
    files = [run.path / other.weights for other in same if other.weights]
    return next((file for file in files if file.is_file()), None)


def _why_fresh(record: Record, spec: ArchSpec, trained: ArchSpec) -> str:
    if spec == trained:
        return f"fresh from seed {record.seed}: the trained ones were not kept; those of the front are"
    changed = [
        f"{name} {getattr(trained, field)} for {getattr(spec, field)}"
        for field, name in (("input_size", "input size"), ("channels", "channels"), ("classes", "classes"))
        if getattr(trained, field) != getattr(spec, field)
    ]
    if [stage.width for stage in trained.stages] != [stage.width for stage in spec.stages]:
        changed.append(f"widths from {trained.stages[0].width} for {spec.stages[0].width}")
    what = ", ".join(changed) or "other options"
    return f"fresh from seed {record.seed}: the search trained a smaller proxy ({what}); --proxy exports that one"


def _facts(run: Run) -> dict[str, object]:
    known = run.manifest.data_facts
    return {name: known[name] for name in ("classes", "mean", "std") if name in known}
