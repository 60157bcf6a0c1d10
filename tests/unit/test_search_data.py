"""The data of a search: size, classes, mirroring, and the first lines about them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

import mlpnas
from mlpnas.datasets import DataRef, Dataset, load, resolve
from mlpnas.engine.planning.prepare import prepare
from mlpnas.errors import RunError
from mlpnas.exporters import export
from mlpnas.manifest import Manifest
from mlpnas.report.wording import answer
from mlpnas.run import Run
from mlpnas.search_options import SearchOptions
from mlpnas.space import SearchSpace
from mlpnas.training.mirroring import by_look
from mlpnas.training.recipe import Recipe
from tests.support import fake_runs
from tests.support.manifests import with_fields

SPACE = """\
version: 1
name: small
input: {size: 32}
stem: {patch: 4}
width: {choose: [16, 24]}
stages: {count: 1, each: {depth: {choose: [1, 2]}, mixer: {choose: [token_linear, axial_shift]}}}
"""
SHORT = Recipe(epochs=1, warmup_epochs=0, batch_size=16)

Picture = Callable[[np.random.Generator], NDArray[np.uint8]]


def write(folder: Path, count: int, **pictures: Picture) -> Path:
    """Return a folder of images per class."""
    for name, picture in pictures.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(picture(np.random.default_rng(number))).save(folder / name / f"{number}.png")
    return folder


def noise(height: int, width: int, low: int = 0, high: int = 255) -> Picture:
    return lambda rng: rng.integers(low, high, (height, width, 3)).astype(np.uint8)


def prepared(data: Path | str, space: str = SPACE, **asked: Any) -> Manifest:
    options = SearchOptions(space=SearchSpace(space), data=str(data), backend="local", trials=2, recipe=SHORT)
    return prepare(replace(options, **asked), Path("run"))


def decoded(manifest: Manifest) -> Dataset:
    return load(DataRef.from_json(manifest.decided.data))


def test_a_space_for_448_pixels_is_trained_on_images_of_448(tmp_path: Path) -> None:
    board = (np.indices((448, 448)).sum(0) % 2 * 255).astype(np.uint8)
    folder = write(tmp_path, 6, board=lambda rng: board, grey=lambda rng: np.full((448, 448), 128, np.uint8))
    manifest = prepared(folder, SPACE.replace("32", "448").replace("patch: 4", "patch: 56"))
    data = decoded(manifest)
    assert data.pixels.shape == (12, 1, 448, 448)
    assert np.array_equal(data.pixels[data.targets == 0][0, 0].numpy(), board)
    assert manifest.found.data["size"] == [1, 448, 448]
    assert "stored 448x448 pixels, used at 448x448" in manifest.decided.notes


def test_images_of_64x32_are_not_blown_up_for_a_space_of_32(tmp_path: Path) -> None:
    manifest = prepared(write(tmp_path, 10, a=noise(64, 32), b=noise(64, 32)))
    assert decoded(manifest).image == (32, 32)
    assert any("used at 32x32; the centre is kept: 50% of the height" in note for note in manifest.decided.notes)


def test_large_images_are_decoded_for_the_proxy(tmp_path: Path) -> None:
    manifest = prepared(write(tmp_path, 10, a=noise(100, 150), b=noise(90, 80)), recipe=replace(SHORT, input_size=16))
    assert decoded(manifest).image == (16, 16)
    assert manifest.found.data["stored"] == "90x80 to 100x150"


def test_wide_networks_get_wide_images(tmp_path: Path) -> None:
    manifest = prepared(write(tmp_path, 10, a=noise(60, 110), b=noise(60, 110)), SPACE.replace("32", "[32, 64]"))
    assert decoded(manifest).image == (32, 64)


def test_images_fit_the_largest_network_inside_the_budget(tmp_path: Path) -> None:
    folder = write(tmp_path, 10, a=noise(70, 70), b=noise(70, 70))
    several = SPACE.replace("size: 32", "size: {choose: [16, 64]}")
    assert decoded(prepared(folder, several)).image == (64, 64)
    assert decoded(prepared(folder, several, budget=("100kMACs",))).image == (16, 16)


def test_the_input_of_networks_is_reported_for_smaller_images(tmp_path: Path) -> None:
    manifest = prepared("digits")
    assert decoded(manifest).image == (8, 8)
    assert any(note.startswith("networks see 32x32 pixels") for note in manifest.decided.notes)


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    levels = {f"level{number}": noise(8, 8, 50 * number, 50 * number + 40) for number in range(4)}
    return write(tmp_path_factory.mktemp("four"), 10, **levels)


def test_the_winner_of_a_full_training_is_exported_as_trained(four: Path, tmp_path: Path) -> None:
    run = mlpnas.search(
        SearchSpace(SPACE.replace("32", "8").replace("patch: 4", "patch: 2")),
        data=str(four),
        trials=1,
        backend="local",
        recipe=SHORT,
        run=tmp_path / "run",
    )
    spec = run.spec(run.best())
    assert (spec.classes, spec.channels) == (4, 3)
    assert run.manifest.found.image == {"channels": 3, "classes": 4}
    assert run.best().values["params"] == mlpnas.cost(spec).params
    model, _ = export(run, tmp_path / "model")
    assert (model.is_trained, model.origin) == (True, "trained in the search")
    again = mlpnas.search(run=tmp_path / "run", resume=True, trials="+1")
    assert {Run(again.path).spec(record).classes for record in again.records} == {4}


def test_a_space_with_fixed_classes_warns_about_retraining(four: Path) -> None:
    manifest = prepared(four, SPACE.replace("size: 32", "size: 32, classes: 10"))
    (said,) = [note for note in manifest.decided.notes if "the space says" in note]
    assert said.startswith("the space says 10 classes and the data have 4: trials are trained with 4, and the winner")
    assert not any("the space says" in note for note in prepared(four).decided.notes)


def test_top5_of_few_classes_is_refused(four: Path) -> None:
    with pytest.raises(RunError, match="--objectives top5: of 4 classes five guesses are always right"):
        prepared(four, objectives=("top5", "macs"))


def test_chance_is_reported_if_one_class_has_most_images(tmp_path: Path) -> None:
    write(write(tmp_path, 60, usual=noise(8, 8, 0, 100)), 4, rare=noise(8, 8, 100, 200))
    manifest = prepared(tmp_path)
    (said,) = [note for note in manifest.decided.notes if "always guessing" in note]
    assert said.startswith("95.0% of the training images are of the class usual: always guessing it gets 90.9% top-1")
    assert "--objectives balanced_accuracy,macs" in said


def test_the_headline_says_what_guessing_gets(tmp_path: Path) -> None:
    chance = {"chance": 0.98}
    uneven = with_fields(fake_runs.QUICK, data_facts={**fake_runs.QUICK.found.data, **chance})
    records = fake_runs.quick(tmp_path / "even").records
    run = fake_runs.write(tmp_path / "uneven", records, uneven)
    assert "(98.0 % top-1 by always guessing the largest class)" in answer(run)
    assert "guessing" not in answer(Run(tmp_path / "even"))


def triangle(is_left: bool) -> Picture:
    def draw(rng: np.random.Generator) -> NDArray[np.uint8]:
        image, size = np.zeros((32, 32), np.uint8), int(rng.integers(4, 10))
        top, left = rng.integers(size, 32 - size), rng.integers(0, 32 - size)
        for step in range(size):
            image[top - step : top + step + 1, left + (step if is_left else size - 1 - step)] = 255
        return image

    return draw


def test_arrows_are_not_mirrored_and_the_run_says_why(tmp_path: Path) -> None:
    folder = write(tmp_path, 80, west=triangle(True), east=triangle(False))
    manifest = prepared(folder)
    assert manifest.decided.recipe["flip"] == "no"
    assert manifest.found.data["mirrored"] is False
    assert any(
        note.startswith("no training images are mirrored: a simple classifier recognises")
        for note in manifest.decided.notes
    )
    assert prepared(folder, flip="yes").decided.recipe["flip"] == "yes"
    assert prepared(folder, recipe=replace(SHORT, flip="yes")).decided.recipe["flip"] == "yes"


def test_too_few_arrows_are_mirrored_and_the_reason_says_so(tmp_path: Path) -> None:
    seen = by_look(load(resolve(str(write(tmp_path, 8, west=triangle(True), east=triangle(False))))))
    assert seen.is_on
    assert seen.reason.endswith("mirrored, which so few images do not tell from chance")


def test_left_and_right_are_known_by_their_names() -> None:
    data = replace(load(resolve("digits")), classes=("turn left", "Turn Right", *"abcdefgh"))
    assert by_look(data) == (False, "the classes turn left and Turn Right would be mistaken for each other")


def test_digits_in_a_folder_are_not_mirrored() -> None:
    seen = by_look(load(resolve("digits")))
    assert not seen.is_on
    assert seen == by_look(load(resolve("digits")))


def test_photos_are_mirrored(shared_data: Path, tmp_path: Path) -> None:
    rows = pq.read_table(shared_data / "cifar10" / "test.parquet").slice(0, 2000)
    pq.write_table(rows, tmp_path / "photos.parquet")
    manifest = prepared(tmp_path / "photos.parquet")
    assert manifest.decided.recipe["flip"] == "yes"
    assert any(note.startswith("half of the training images are mirrored: a simple") for note in manifest.decided.notes)


@pytest.mark.parametrize(("source", "mirrored"), [("digits", "no")])
def test_sources_that_know_decide(source: str, mirrored: str) -> None:
    manifest = prepared(source)
    assert manifest.decided.recipe["flip"] == mirrored
    assert any(f"as {source} does not allow it" in note for note in manifest.decided.notes)


@pytest.mark.parametrize("objectives", ["naswot,macs", "zen,macs", "balanced_accuracy,macs"])
def test_every_search_has_a_hypervolume(four: Path, tmp_path: Path, objectives: str) -> None:
    run = mlpnas.search(
        SearchSpace(SPACE),
        data=str(four),
        trials=4,
        objectives=objectives.split(","),
        sampler="random",
        backend="local",
        recipe=SHORT,
        run=tmp_path / "run",
    )
    assert len(run.front()) < 2 or run.hypervolume() > 0
    assert run.hypervolume() > 0
    stored = json.loads((run.path / "run.json").read_text())["decided"]["reference"]
    assert set(stored) == set(objectives.split(","))
