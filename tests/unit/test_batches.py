"""The input of a training: augmentation and batches."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mlpnas.datasets import Dataset, load, resolve
from mlpnas.training.augmentation import normalise, random_crop, random_flip, resize
from mlpnas.training.batches import ImageBatches
from mlpnas.training.recipe import Recipe
from mlpnas.training.recipes import read
from tests.support.image_files import write_folder

# augmentation


def test_crops_are_windows_of_the_padded_image() -> None:
    images = torch.arange(1, 1 + 50 * 2 * 25).view(50, 2, 5, 5)
    cropped = random_crop(images, 2, torch.Generator().manual_seed(0))
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)))
    seen = set()
    for before, after in zip(padded, cropped.numpy(), strict=True):
        places = [(y, x) for y in range(5) for x in range(5) if np.array_equal(before[:, y : y + 5, x : x + 5], after)]
        assert len(places) == 1
        seen.add(places[0])
    assert len(seen) > 15, "all 25 places are equally likely"


def test_flips_mirror_about_half() -> None:
    images = torch.arange(400 * 12).view(400, 1, 3, 4)
    flipped = random_flip(images, torch.Generator().manual_seed(0))
    mirrored = (flipped == images.flip(3)).all((1, 2, 3))
    same = (flipped == images).all((1, 2, 3))
    assert bool((mirrored ^ same).all())
    assert 150 < int(mirrored.sum()) < 250


def test_normalised_pixels_have_mean_0_and_deviation_1(digits: Dataset) -> None:
    mean, std = (torch.tensor(values)[:, None, None] for values in (digits.mean, digits.std))
    images = normalise(digits.pixels[digits.train], mean, std)
    assert images.dtype == torch.float32
    assert float(images.mean()) == pytest.approx(0, abs=0.01)
    assert float(images.std()) == pytest.approx(1, abs=0.01)


def test_resizing_keeps_flat_images_flat() -> None:
    images = torch.full((2, 3, 8, 8), 0.5)
    assert resize(images, (8, 8)) is images
    for size in ((4, 4), (12, 20)):
        assert torch.allclose(resize(images, size), torch.full((2, 3, *size), 0.5))


# batches


def test_an_epoch_shows_each_sample_once(digits: Dataset) -> None:
    recipe = Recipe(samples=256, batch_size=64)
    batches = ImageBatches(digits, recipe, (8, 8), "cpu")
    first, second = (
        torch.cat([labels for _, labels in batches.train(torch.Generator().manual_seed(seed))]) for seed in (1, 2)
    )
    expected = digits.targets[digits.train[:256]]
    assert torch.equal(first.sort().values, expected.sort().values)
    assert torch.equal(first.bincount(), second.bincount())
    assert not torch.equal(first, second)


@pytest.mark.parametrize(("samples", "batch_size", "steps"), [(256, 64, 4), (250, 64, 3), (20, 64, 1)])
def test_only_full_batches_unless_there_is_but_one(digits: Dataset, samples: int, batch_size: int, steps: int) -> None:
    batches = ImageBatches(digits, Recipe(samples=samples, batch_size=batch_size), (8, 8), "cpu")
    sizes = [len(labels) for _, labels in batches.train(torch.Generator())]
    assert sizes == [min(samples, batch_size)] * steps
    assert batches.steps == steps


def test_val_and_test_are_whole_and_in_order(digits: Dataset) -> None:
    batches = ImageBatches(digits, Recipe(samples=20), (8, 8), "cpu")
    assert torch.equal(torch.cat([labels for _, labels in batches.val()]), digits.targets[digits.val])
    assert torch.equal(torch.cat([labels for _, labels in batches.test()]), digits.targets[digits.test])


def test_data_that_must_not_be_flipped_is_not(digits: Dataset) -> None:
    def images(data: Dataset, recipe: Recipe) -> Tensor:
        return next(iter(ImageBatches(data, recipe, (8, 8), "cpu").train(torch.Generator().manual_seed(0))))[0]

    plain, may_flip = images(digits, Recipe(flip="no")), replace(digits, flip=True)
    assert torch.equal(images(digits, Recipe(flip="auto")), plain)
    assert torch.equal(images(may_flip, Recipe(flip="no")), plain)
    assert not torch.equal(images(may_flip, Recipe(flip="auto")), plain)
    assert not torch.equal(images(digits, Recipe(flip="yes")), plain)


@pytest.mark.parametrize(("recipe", "side", "pixels"), [("full", 224, 28), ("standard", 32, 4), ("full", 28, 3)])
def test_crops_of_the_named_recipes_show_most_of_each_image(
    recipe: str, side: int, pixels: int, digits: Dataset
) -> None:
    white = replace(digits, pixels=torch.full((len(digits.targets), 1, side, side), 255, dtype=torch.uint8), flip=False)
    batches = ImageBatches(white, replace(read(recipe), samples=64, batch_size=64), (side, side), "cpu")
    assert batches.padding == pixels
    shown, _ = next(batches.train(torch.Generator().manual_seed(0)))
    assert float((shown == shown.max()).float().mean()) > 0.85


def test_crop_padding_is_a_share_of_the_shorter_side(digits: Dataset) -> None:
    wide = replace(digits, pixels=torch.zeros(len(digits.targets), 1, 16, 64, dtype=torch.uint8))
    assert [ImageBatches(wide, Recipe(crop_padding=share), (16, 64), "cpu").padding for share in (0, 0.01, 0.125)] == [
        0,
        1,
        2,
    ]


def test_large_images_shrink_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = load(resolve(str(write_folder(tmp_path, 8, size=(64, 64)))))
    once = ImageBatches(data, Recipe(crop_padding=16), (16, 16), "cpu")
    assert once.pixels.shape[2:] == (16, 16)
    assert once.padding == 4
    monkeypatch.setenv("MLPNAS_MEMORY_LIMIT", "1KiB")
    each_time = ImageBatches(data, Recipe(crop_padding=16), (16, 16), "cpu")
    assert each_time.pixels.shape[2:] == (64, 64)
    assert each_time.padding == 16
    (small, _), (large, _) = next(once.val()), next(each_time.val())
    assert torch.allclose(small, large, atol=0.05)
