"""Manifests for tests: every field by its name, wherever the manifest holds it."""

from dataclasses import fields
from typing import Any

from mlpnas.manifest import Decided, Found, Manifest
from mlpnas.options import options_of
from mlpnas.search_options import SearchOptions


def manifest(name: str, **values: Any) -> Manifest:
    """Return a manifest; `data` is where the data are, `data_facts` what was found of them."""
    parts: dict[str, dict[str, Any]] = {"asked": {}, "decided": {}, "found": {}, "": {}}
    if "data_facts" in values:
        parts["found"]["data"] = values.pop("data_facts")
    homes = {
        "decided": {field.name for field in fields(Decided)},
        "found": {field.name for field in fields(Found)},
        "asked": {name for name, option in options_of(SearchOptions).items() if option.on_resume} - {"space"},
    }
    for key, value in values.items():
        part = next((part for part, names in homes.items() if key in names), "")
        parts[part][key] = value
    return Manifest(
        name,
        asked=SearchOptions(**parts["asked"]),
        decided=Decided(**parts["decided"]),
        found=Found(**parts["found"]),
        **parts[""],
    )


def with_fields(before: Manifest, **values: Any) -> Manifest:
    """Return a manifest with other values."""
    parts = [before.asked, before.decided, before.found]
    known = {key: value for part in parts for key, value in vars(part).items()} | {"data_facts": before.found.data}
    known |= {key: value for key, value in vars(before).items() if key not in ("asked", "decided", "found", "name")}
    return manifest(**{"name": before.name, **known, "data": before.decided.data, **values})
