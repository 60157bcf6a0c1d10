"""Manifests of earlier versions, which kept all fields on one level."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


def nest(flat: Mapping[str, Any], decided_type: Any, found_type: Any) -> dict[str, Any]:
    """Return such a manifest in the form of this version."""
    asked, data, sampler_options, objectives = (
        dict(flat[name]) if isinstance(flat.get(name), dict) else {}
        for name in ("asked", "data", "sampler_options", "objectives")
    )
    sampler, rungs = flat.get("sampler"), flat.get("fidelity")
    asked.pop("stratify", None)
    options = {
        **({} if asked else {"recipe": flat.get("recipe") or None}),
        **asked,
        "time": flat.get("seconds"),
        "trial_time": flat.get("trial_seconds"),
        "trials": flat.get("trials") or None,
        "fidelity": "epochs=" + ",".join(map(str, rungs)) if rungs and isinstance(rungs, list) else None,
        "objectives": list(objectives) or None,
        "sampler": {sampler: sampler_options} if sampler_options and isinstance(sampler, str) else sampler or None,
        "image_column": data.get("image_column"),
        "label_column": data.get("label_column"),
        "skip_bad_images": data.get("skip_bad"),
        **{name: flat[name] for name in ("budget", "fill", "seed", "backend", "address", "scores") if name in flat},
    }
    found = {
        "data": flat.get("data_facts"),
        **{f.name: flat.get(f.name) for f in fields(found_type) if f.name != "data"},
    }
    decided = {f.name: flat[f.name] for f in fields(decided_type) if f.name in flat}
    kept = {name: value for name, value in found.items() if value is not None}
    return {**flat, "asked": options, "decided": decided, "found": kept}
