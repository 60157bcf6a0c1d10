"""Recipes by name. `auto` is not among them: it needs the data and the device (see auto.py)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlpnas.documents import parse_json, parse_yaml, read_text
from mlpnas.errors import RecipeError, SpecError, TextError, UnknownName
from mlpnas.named import Named, word
from mlpnas.training.named import SETTINGS
from mlpnas.training.recipe import Recipe

SUFFIXES = (".json", ".yaml", ".yml")


def read(value: Any) -> Recipe:
    """Return the recipe that a person asks for.

    Args:
        value: a Recipe; `standard`, or `standard:epochs=30,ema_decay=0.999`; a .json or .yaml file; as JSON
            {"standard": {"epochs": 30}}, or all fields of a recipe.

    Raises:
        UnknownName: neither a name nor a file. RecipeError: a file or a mapping that is no recipe, or a wrong option.
        SpecError: a text that is no name with options.
    """
    if isinstance(value, Recipe):
        return value
    if not isinstance(value, str):
        return _from_json(value)
    if Path(value).suffix in SUFFIXES:
        return _from_file(Path(value))
    return _named(Named.parse(value))


def _from_json(data: Any) -> Recipe:
    match data:
        case {**only} if len(only) == 1 and isinstance(next(iter(only.values())), Mapping):
            return _named(Named.from_json(dict(only)))
    return Recipe.from_json(data)


def _named(asked: Named) -> Recipe:
    if asked.name == "auto" and asked.options:
        raise RecipeError(f"auto takes no options; name the recipe that they change, like quick:{_typed(asked)}")
    if asked.name not in SETTINGS:
        raise UnknownName("recipe", asked.name, ["auto", *SETTINGS, "FILE.yaml"])
    return Recipe.from_json({**SETTINGS[asked.name], **dict(asked.options)})


def _typed(asked: Named) -> str:
    return ",".join(f"{name}={word(value)}" for name, value in asked.options)


def _from_file(path: Path) -> Recipe:
    try:
        written = read_text(path)
        data = parse_json(written) if path.suffix == ".json" else parse_yaml(written).plain()
    except TextError as error:
        raise RecipeError(f"{path}: {error}") from None
    try:
        return _from_json(data)
    except (RecipeError, SpecError) as error:
        raise RecipeError(f"{path}: {error}") from None
