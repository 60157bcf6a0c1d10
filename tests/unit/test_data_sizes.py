"""The size that images are decoded to: what a search looks at, and never more than is there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mlpnas.datasets import DataRef, load, resolve, survey
from mlpnas.datasets._decode import used_size
from tests.support.image_files import write_folder

SIDE = st.integers(1, 2000)
SIZE = st.tuples(SIDE, SIDE)


@pytest.fixture(autouse=True)
def fresh() -> None:
    load.cache_clear()


def _ref(folder: Path, *size: int) -> DataRef:
    return replace(resolve(str(folder)), size=size)


@given(st.dictionaries(SIZE, st.just(1), min_size=1, max_size=5), SIZE)
def test_images_are_never_blown_up_nor_larger_than_wanted(
    stored: dict[tuple[int, int], int], size: tuple[int, int]
) -> None:
    height, width = used_size(stored, size)
    assert height <= size[0]
    assert width <= size[1]
    assert any(height <= h and width <= w for h, w in stored)
    assert abs(height * size[1] - width * size[0]) <= max(size), "the wanted shape, to a pixel"
    if any(size[0] <= h and size[1] <= w for h, w in stored):
        assert (height, width) == size


def test_a_search_at_448_sees_448_pixels(tmp_path: Path) -> None:
    """Checkerboards of single pixels against grey: gone at half the size."""
    board = (np.indices((448, 448)).sum(0) % 2 * 255).astype(np.uint8)
    for name, pixels in (("board", board), ("grey", np.full_like(board, 127))):
        (tmp_path / name).mkdir()
        for number in range(4):
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    data = load(_ref(tmp_path, 448, 448))
    assert data.image == (448, 448)
    assert torch.equal(data.pixels[data.targets == 0][0, 0], torch.from_numpy(board))
    assert load(_ref(tmp_path, 224, 224)).image == (224, 224)


def test_small_images_stay_small(tmp_path: Path) -> None:
    write_folder(tmp_path, size=(64, 32))
    assert load(_ref(tmp_path, 32, 32)).image == (32, 32)
    assert load(_ref(tmp_path, 224, 224)).image == (32, 32)
    assert load(_ref(tmp_path, 32, 64)).image == (32, 64)
    assert load(_ref(tmp_path, 320, 640)).image == (32, 64)


def test_images_of_many_sizes_are_no_larger_than_the_largest(tmp_path: Path) -> None:
    write_folder(tmp_path, size=(20, 20))
    Image.new("RGB", (60, 40)).save(tmp_path / "cat" / "large.png")
    assert load(_ref(tmp_path, 224, 224)).image == (40, 40)
    assert load(_ref(tmp_path, 30, 30)).image == (30, 30)


def test_the_centre_is_kept(tmp_path: Path) -> None:
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        stripes = np.zeros((20, 60), np.uint8)
        stripes[:, 20:40] = 200 + label
        for number in range(4):
            Image.fromarray(stripes).save(tmp_path / name / f"{number}.png")
    data = load(_ref(tmp_path, 20, 20))
    assert set(data.pixels.flatten().tolist()) == {200, 201}
    notes = "\n".join(survey(_ref(tmp_path, 20, 20)).notes)
    assert "the centre is kept: 67% of the width of 8 images is cropped" in notes


def test_without_a_size_it_is_as_older_runs_had_it(tmp_path: Path) -> None:
    square, wide = write_folder(tmp_path / "square", size=(20, 20)), write_folder(tmp_path / "wide", size=(40, 20))
    assert load(resolve(str(square))).image == (20, 20)
    assert load(resolve(str(wide))).image == (224, 224)


def test_arrays_are_brought_to_a_smaller_size_too() -> None:
    digits = load(DataRef("digits"))
    assert load(DataRef("digits", size=(28, 28))).image == (8, 8)
    small = load(DataRef("digits", size=(4, 4)))
    assert small.image == (4, 4)
    means = digits.pixels.float().mean((1, 2, 3)), small.pixels.float().mean((1, 2, 3))
    assert float((means[0] - means[1]).abs().mean()) < 5
    assert small.fingerprint == digits.fingerprint


def test_sizes_that_come_to_the_same_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlpnas.datasets import _open

    write_folder(tmp_path, size=(16, 16))
    load(_ref(tmp_path, 32, 32))
    monkeypatch.setattr(_open, "pixels", None)
    assert load(_ref(tmp_path, 64, 64)).image == (16, 16)


def test_the_fingerprint_is_of_the_files_not_of_the_pixels(tmp_path: Path) -> None:
    write_folder(tmp_path / "one", size=(40, 40))
    first = load(_ref(tmp_path / "one", 40, 40))
    assert load(_ref(tmp_path / "one", 16, 16)).fingerprint == first.fingerprint
    assert survey(resolve(str(tmp_path / "one"))).fingerprint == first.fingerprint
    (tmp_path / "one").rename(tmp_path / "moved")
    assert load(_ref(tmp_path / "moved", 16, 16)).fingerprint == first.fingerprint
    changed = tmp_path / "moved" / "cat" / "0.png"
    changed.write_bytes((tmp_path / "moved" / "cat" / "1.png").read_bytes())
    load.cache_clear()
    assert load(_ref(tmp_path / "moved", 16, 16)).fingerprint != first.fingerprint
