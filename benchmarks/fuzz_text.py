"""The borders where people write text: space files, specs, recipes, quantities; and the two JSON files of a run."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from fuzz_border import Border, any_of, written
from fuzz_mutate import in_json, in_text, in_units, in_words

from mlpnas import published
from mlpnas.costs import cost
from mlpnas.engine.scheduling import rungs
from mlpnas.manifest import Manifest
from mlpnas.mirror import Mirror
from mlpnas.named import Named
from mlpnas.plugins import shipped, shipped_folder
from mlpnas.published import find_spec
from mlpnas.search_options import Count
from mlpnas.space.load import read
from mlpnas.space.space import SearchSpace
from mlpnas.spec import ArchSpec, read_size
from mlpnas.training import recipes
from mlpnas.training.recipe import Recipe
from mlpnas.units import Limit, count, seconds

_TINY = """\
version: 1
name: tiny
input: {size: 8, channels: 1, classes: 3}
stem: {patch: {choose: [2, 4]}, norm: none}
width: {choose: [8, 16]}
position_embedding: {choose: [true, false]}
stages:
  count: 2
  each:
    width_factor: [1, 2]
    depth: {choose: [1, 2]}
    variant:
      choose:
        two:
          mixer: {choose: {axial_shift: {shift_size: {choose: [1, 3]}}, token_mlp: {ratio: 0.5}}}
          mlp_ratio: {choose: [1, 2]}
        one: {mixer: {gmlp: {ratio: 2}}, mlp_ratio: 0, layer_scale: {choose: [null, 1e-5]}}
    norm: {choose: [layer, group]}
constraints:
  - {max: params, value: 1M}
seeds: []
"""
_LISTED = """\
{"version": 1, "name": "listed", "input": {"size": [8, 16]}, "stem": {"patch": 4}, "mixer": "pooling",
 "stages": [{"width": 8, "depth": 1}, {"width": {"choose": [8, 16]}, "depth": 2, "downsample": "conv"}]}
"""


def _spaces(folder: Path) -> Sequence[str]:
    return [_TINY, _LISTED, *((shipped_folder() / f"{name}.yaml").read_text() for name in shipped())]


def _enter_space(text: str, folder: Path) -> None:
    read(text, "space.yaml")


def _enter_whole_space(text: str, folder: Path) -> Sequence[str]:
    import numpy as np

    space = SearchSpace(text, "space.yaml")
    drawn = [space.sample(np.random.default_rng(seed)) for seed in range(2)]
    if any(space.spec(each.answers) != each.spec for each in drawn):
        raise AssertionError("the answers of a sample give another architecture")
    return [each.spec.dumps() for each in drawn]


def _specs(folder: Path) -> Sequence[str]:
    return [published.find(name).spec.dumps() for name in published.names()]


def _enter_spec(text: str, folder: Path) -> Sequence[str]:
    spec = ArchSpec.loads(text)
    if ArchSpec.loads(spec.dumps()) != spec:
        raise AssertionError("a spec is not read back as it was written")
    cost(spec)
    return [spec.dumps()]


def _enter_spec_file(text: str, folder: Path) -> None:
    find_spec(str(written(folder / "spec.json", text)))


def _recipes(folder: Path) -> Sequence[str]:
    recipe = Recipe(epochs=3, learning_rate=1e-3, input_size=32, samples=100, clip_norm=None).to_json()
    lines = "\n".join(f"{name}: {json.dumps(value)}" for name, value in recipe.items())
    return [json.dumps(recipe), json.dumps(recipe, indent=1), lines, "epochs: 3\nlearning_rate: 1e-3\n"]


def _enter_recipe(text: str, folder: Path) -> None:
    files = [str(written(folder / name, text)) for name in ("recipe.json", "recipe.yaml")]
    any_of(*(partial(recipes.read, file) for file in files))


def _quantities(folder: Path) -> Sequence[str]:
    return [
        "15GFLOPs",
        "0.5 GMACs",
        "30Mparams",
        "2GiB",
        "12ms",
        "90s",
        "1.5h",
        "100M",
        "24",
        "+8",
        "epochs=1,3,9",
        "192x320",
    ]


def _enter_quantity(text: str, folder: Path) -> None:
    readers = [partial(parse, text) for parse in (Limit.parse, seconds, count, read_size)]
    any_of(*readers, partial(Count.read, text), partial(Named.parse, text), partial(rungs.parse, text, ["top1"]))


def _manifests(folder: Path) -> Sequence[str]:
    from tests.support.fake_runs import QUICK

    QUICK.with_id().write(folder)
    return [(folder / "run.json").read_text()]


def _enter_manifest(text: str, folder: Path) -> None:
    written(folder / "run.json", text)
    Manifest.read(folder)


def _listings(folder: Path) -> Sequence[str]:
    files = {"run.json": [[1, 2], [1, 2]], "trials/part-0-0.parquet": [[3, 4], None], "space.yaml": [None, [5, 6]]}
    return [json.dumps({"uri": (folder / "far").as_uri(), "files": files, "missing": ["trials/part-1-1.parquet"]})]


def _enter_listing(text: str, folder: Path) -> None:
    far, copy = folder / "far", folder / "copy"
    for place in (far, copy):
        written(place / "run.json", "{}")
    written(copy / ".mirror.json", text)
    mirror = Mirror(far.as_uri(), copy)
    mirror.changes()
    mirror.pull()


BORDERS = (
    Border("space", 0.20, _spaces, _enter_space, (in_words, in_words, in_text, in_json)),
    Border("space, loaded", 0.02, lambda folder: [_TINY, _LISTED], _enter_whole_space, (in_words, in_words, in_text)),
    Border("spec", 0.20, _specs, _enter_spec, (in_json, in_json, in_words, in_text)),
    Border("spec file", 0.03, _specs, _enter_spec_file, (in_json, in_text)),
    Border("recipe", 0.12, _recipes, _enter_recipe, (in_json, in_words, in_text)),
    Border("quantity", 0.15, _quantities, _enter_quantity, (in_units, in_units, in_text)),
    Border("manifest", 0.08, _manifests, _enter_manifest, (in_json, in_json, in_text)),
    Border("listing", 0.05, _listings, _enter_listing, (in_json, in_json, in_text)),
)
