"""mlpnas export: write a trial as a model for use elsewhere."""

import json

from mlpnas.commands._from_options import from_options
from mlpnas.commands._opened import report_set_aside
from mlpnas.commands._terminal import say
from mlpnas.exporters import ExportOptions
from mlpnas.options import given_values


@from_options(ExportOptions, json_help="One JSON object.")
def export(options: ExportOptions, as_json: bool) -> None:
    """Write a trial of a run as a model: spec.json, model.safetensors and a model card; or ONNX.

    It is the declared architecture, with the trained weights where the search trained exactly that network, and fresh
    ones otherwise: the output and the card say which. Load it with mlpnas.load(DIR).
    """
    from mlpnas.exporters import export as run_export

    report_set_aside(options.run)
    record = options.run.pick(options.pick)
    model, files = run_export(**given_values(options))
    if as_json:
        facts = {"run": options.run.place, "trial": record.trial, "key": model.spec.key, "to": str(options.to)}
        print(json.dumps(facts | {"files": files, "trained": model.is_trained, "weights": model.origin}))
    else:
        say(f"trial {record.trial} -> {options.to}: {', '.join(files)}")
        say(f"weights: {model.origin}")
