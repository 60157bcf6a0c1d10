"""The JSON Schema of space files, generated from the grammar, for completion and checks in editors."""

from collections.abc import Mapping
from typing import Any

from mlpnas import published
from mlpnas.kinds import Kind, Number, Size, Text, Word
from mlpnas.space.catalogues import option_kinds, plugin_names
from mlpnas.space.grammar import MEANING, NETWORK, RESOLUTION, STAGE, STAGES, Field, Group, Plugin
from mlpnas.space.load import LIMITED

Schema = dict[str, Any]


def schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of space files."""
    level = {**NETWORK, **STAGE}
    document = _mapping(level) | {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mlpnas search space",
        "required": ["version", "name", "stages"],
    }
    document["properties"] |= {
        "version": {"const": 1, "description": MEANING["version"]},
        "name": {"type": "string", "description": MEANING["name"]},
        "resolution": _value(RESOLUTION) | {"description": MEANING["resolution"]},
        "stages": _stages(),
        "constraints": _constraints(),
        "seeds": {"type": "array", "items": {"enum": list(published.names())}, "description": MEANING["seeds"]},
    }
    return document


def _mapping(fields: Mapping[str, Field], per_stage: bool = False, variant: bool = True) -> Schema:
    properties = {name: _field(name, kind, per_stage) for name, kind in fields.items()}
    if variant:
        inner = _mapping(fields, per_stage, variant=False)
        properties["variant"] = _object({"choose": {"type": "object", "additionalProperties": inner}}, ["choose"])
        properties["variant"]["description"] = MEANING["variant"]
    return _object(properties)


def _object(properties: Mapping[str, Schema], required: list[str] | None = None) -> Schema:
    found: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return found | ({"required": required} if required else {})


def _field(name: str, kind: Field, per_stage: bool) -> Schema:
    if isinstance(kind, Group):
        return _mapping(kind.fields, variant=False) | {"description": MEANING[name]}
    forms = _forms(kind)
    if per_stage:
        forms = [*forms, {"type": "array", "items": {"anyOf": forms}}]
    return {"anyOf": forms, "description": MEANING[name]}


def _forms(kind: Kind | Plugin) -> list[Schema]:
    if not isinstance(kind, Plugin):
        value = _value(kind)
        return [value, _object({"choose": {"type": "array", "items": value, "minItems": 1}}, ["choose"])]
    names = {"enum": list(plugin_names(kind.catalogue))}
    layers = _object({name: _options(kind.catalogue, name) for name in names["enum"]})
    choice: Schema = {"anyOf": [{"type": "array", "items": names, "minItems": 1}, layers]}
    return [names, layers | {"minProperties": 1, "maxProperties": 1}, _object({"choose": choice}, ["choose"])]


def _options(catalogue: str, name: str) -> Schema:
    known = {option: {"anyOf": _forms(kind)} for option, kind in option_kinds(catalogue, name).items()}
    return _object(known) | {"type": ["object", "null"]}


def _value(kind: Kind) -> Schema:
    if isinstance(kind, Word):
        return {"enum": list(kind.words)}
    if isinstance(kind, Text):
        return {"type": "string", "maxLength": kind.most}
    if isinstance(kind, Size):
        side = _value(Number(most=kind.most))
        return {"anyOf": [side, {"type": "array", "items": side, "minItems": 2, "maxItems": 2}]}
    number: Schema = {"type": "integer" if kind.whole else "number", "minimum": kind.least, "maximum": kind.most}
    return {"anyOf": [number, {"type": "null"}]} if kind.none else number


def _stages() -> Schema:
    each = _mapping(STAGE, per_stage=True)
    counted = _object({"count": _value(STAGES), "each": each})
    listed = {"type": "array", "items": _mapping(STAGE), "minItems": 1, "maxItems": STAGES.most}
    return {"anyOf": [counted, listed], "description": MEANING["stages"]}


def _constraints() -> Schema:
    value = {"anyOf": [{"type": "number"}, {"type": "string"}]}
    item = _object({"max": {"enum": list(LIMITED)}, "value": value}, ["max", "value"])
    return {"type": "array", "items": item, "description": MEANING["constraints"]}
