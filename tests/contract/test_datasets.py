"""The contract of every data set."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from shutil import make_archive
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch

from mlpnas.datasets import DataRef, Dataset, load, resolve
from mlpnas.errors import DataError, MissingPackage
from mlpnas.plugins import find, names
from tests.support.image_files import image, write_folder, write_parquet


def _made(name: str, folder: Path) -> str:
    """Return the command-line text for a source that reads files of the user."""
    match name:
        case "parquet":
            write_parquet(folder / "train.parquet", [0, 1, 2] * 12)
            return str(write_parquet(folder / "test.parquet", [0, 1, 2] * 3).parent)
        case "image_folder":
            write_folder(folder / "test", 2)
            return str(write_folder(folder / "train", 12).parent)
        case "csv":
            images = {f"{label}-{number}.png": label for label in range(3) for number in range(12)}
            for file, label in images.items():
                image(label, seed=int(file[2])).save(folder / file)
            (folder / "labels.csv").write_text("\n".join(["file,label", *(f"{f},{n}" for f, n in images.items())]))
            return str(folder)
        case "zip_file":
            return make_archive(str(folder / "pets"), "zip", write_folder(folder / "pets", 12))
        case "tar":
            return make_archive(str(folder / "pets"), "tar", write_folder(folder / "pets", 12))
        case "npz":
            pixels = np.random.default_rng(0).integers(0, 255, (36, 8, 8), np.uint8)
            np.savez(folder / "pets.npz", x_train=pixels, y_train=np.arange(36) % 3)
            return str(folder / "pets.npz")
    return name


@pytest.fixture(scope="module", params=names("datasets"))
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the name of each source; skip if its files are not on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(urllib.request, "urlopen", _no_network)
        text = _made(request.param, tmp_path_factory.mktemp(request.param))
        try:
            load(resolve(text))
        except (DataError, MissingPackage) as error:
            pytest.skip(f"not on this machine: {error}")
        yield text


def _no_network(*args: Any, **options: Any) -> None:
    raise URLError("tests download nothing")


@pytest.fixture
def data(source: str) -> Dataset:
    return load(resolve(source))


def test_pixels_and_labels_belong_together(data: Dataset) -> None:
    count, channels, *image = data.pixels.shape
    assert data.pixels.dtype == torch.uint8
    assert data.targets.dtype == torch.int64
    assert data.targets.shape == (count,)
    assert (data.channels, data.image) == (channels, tuple(image))
    assert int(data.targets.max()) == len(data.classes) - 1
    assert int(data.targets.min()) == 0


def test_every_image_is_in_one_part(data: Dataset) -> None:
    parts = torch.cat([data.train, data.val, data.test])
    assert torch.equal(parts.sort().values, torch.arange(len(data.targets)))


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_parts_hold_every_class(data: Dataset, part: str) -> None:
    assert data.targets[getattr(data, part)].unique().tolist() == list(range(len(data.classes)))


def test_classes_keep_their_share(data: Dataset) -> None:
    shares = [data.targets[part].bincount() / len(part) for part in (data.train, data.val)]
    assert torch.allclose(*shares, atol=1 / len(data.val))


def test_statistics_are_those_of_train(data: Dataset) -> None:
    train = data.pixels[data.train].double() / 255
    assert data.mean == pytest.approx(train.mean((0, 2, 3)).tolist(), abs=0.01)
    assert data.std == pytest.approx(train.std((0, 2, 3)).tolist(), abs=0.01)


def test_a_prefix_of_train_is_mixed(data: Dataset) -> None:
    half = data.targets[data.train[: len(data.train) // 2]]
    assert half.unique().tolist() == list(range(len(data.classes)))


def test_seed_moves_val_but_not_test(source: str) -> None:
    one, other = load(resolve(source, seed=1)), load(resolve(source, seed=2))
    assert torch.equal(one.test, other.test)
    assert set(one.val.tolist()) != set(other.val.tolist())
    assert one.fingerprint == other.fingerprint


def test_reference_travels_as_json(source: str) -> None:
    ref = resolve(source, seed=3)
    assert DataRef.from_json(ref.to_json()) == ref
    assert not ref.path or Path(ref.path).is_absolute()


def test_loads_once_per_process_and_alike_every_time(source: str) -> None:
    first = load(resolve(source))
    assert load(resolve(source)) is first
    load.cache_clear()
    again = load(resolve(source))
    assert again.fingerprint == first.fingerprint
    assert np.array_equal(again.pixels.numpy(), first.pixels.numpy())


def test_chance_is_that_of_the_most_frequent_class(data: Dataset) -> None:
    labels = data.targets[data.val].numpy()
    assert data.chance == pytest.approx(max(np.mean(labels == label) for label in range(len(data.classes))))


@pytest.mark.parametrize("name", names("datasets"))
def test_source_says_what_it_needs(name: str) -> None:
    source = find("datasets", name)
    assert isinstance(source.needs_path, bool)
    assert isinstance(source.flip, bool)
    assert not source.flip or name not in ("digits", "mnist5k")
