"""Comparison of a run's data with those that its trials were trained on, before it goes on."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlpnas import datasets
from mlpnas.datasets import DataRef, Survey
from mlpnas.errors import DataError, RunError
from mlpnas.manifest import Manifest

_NAMED = 3  # classes in a message


def check(manifest: Manifest) -> None:
    """Raise DataError if the data are gone, RunError if they differ from those that the run began with."""
    facts = manifest.found.data
    if not manifest.decided.data or "fingerprint" not in facts:
        return
    ref = DataRef.from_json(manifest.decided.data)
    datasets.load.cache_clear()  # what this process has read may have changed since
    try:
        data = datasets.survey(ref)
    except DataError as error:
        raise DataError(f"{error}; if the data have moved, give their new place by --data") from None
    changes = "; ".join(_changes(facts, data))
    if not changes and datasets.is_comparable(facts["fingerprint"]) and data.fingerprint != facts["fingerprint"]:
        changes = "as many images of the same classes, but others, or other labels"
    if changes:
        raise RunError(
            f"{ref}: not the data that this run's trials were trained on ({changes}); restore them, give the place of "
            "the same data by --data, or start another --run"
        )


def _changes(facts: Mapping[str, Any], data: Survey) -> Iterator[str]:
    before, now = list(facts.get("classes", ())), list(data.classes)
    if new := [name for name in now if name not in before]:
        yield f"new classes: {_list_names(new)}"
    if gone := [name for name in before if name not in now]:
        yield f"classes that are gone: {_list_names(gone)}"
    images = facts.get("images")
    for part, count in images.items() if isinstance(images, Mapping) else ():
        if count != (there := data.images.get(part, 0)):
            yield f"{part}: {there} images, not {count}"


def _list_names(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
