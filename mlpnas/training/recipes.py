"""Recipes by name. `auto` is not among them: it needs the data and the device (see auto.py)."""

from pathlib import Path

from mlpnas.documents import parse_json, parse_yaml, read_text
from mlpnas.errors import RecipeError, TextError, UnknownName
from mlpnas.training.named import SETTINGS
from mlpnas.training.recipe import Recipe

RECIPES = {name: Recipe(**settings) for name, settings in SETTINGS.items()}


def named(text: str) -> Recipe:
    """A recipe by its name, or from a .json or .yaml file.

    Raises:
        UnknownName: neither a name nor a file. RecipeError: a file that is no recipe.
    """
    if text in RECIPES:
        return RECIPES[text]
    path = Path(text)
    if path.suffix not in (".json", ".yaml", ".yml"):
        raise UnknownName("recipe", text, ["auto", *RECIPES, "FILE.yaml"])
    try:
        written = read_text(path)
        data = parse_json(written) if path.suffix == ".json" else parse_yaml(written).plain()
    except TextError as error:
        raise RecipeError(f"{text}: {error}") from None
    try:
        return Recipe.from_json(data)
    except RecipeError as error:
        raise RecipeError(f"{text}: {error}") from None
