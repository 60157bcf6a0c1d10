"""Recipes by name. `auto` is not among them: it needs the data and the device (see auto.py)."""

from pathlib import Path

from mlpnas.documents import parse_json, parse_yaml, read_text
from mlpnas.errors import RecipeError, TextError, UnknownName
from mlpnas.training.recipe import Recipe

RECIPES = {
    "smoke": Recipe(epochs=1, warmup_epochs=0, samples=512, learning_rate=5e-3),
    "quick": Recipe(epochs=8, batch_size=64, learning_rate=7e-3),
    "standard": Recipe(epochs=60, learning_rate=2e-3, drop_path=0.1, crop_padding=0.125, ema_decay=0.999),
    "full": Recipe(  # DeiT's (arXiv:2012.12877, table 9) without its mixing and erasing of images
        epochs=300,
        batch_size=1024,
        learning_rate=1e-3,
        warmup_epochs=5,
        precision="bf16",
        drop_path=0.1,
        crop_padding=0.125,
        ema_decay=0.9999,
    ),
}


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
