"""Every form of benchmarks/data_forms.py: read with the right classes, or refused with one clear message."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from mlpnas.datasets import Dataset, load, resolve
from tests.support.image_files import encoded
from tests.unit.conftest import import_benchmark

script: Any = import_benchmark("data_forms")
forms: Any = import_benchmark("forms")

REFUSED = {
    "folder: test/CLASS alone": r"has no train part, only test",
    "folder: images without class folders": r"neither a folder per class nor a table \(labels.csv\)",
    "folder: a class of test that train lacks": r"data/test/mouse/1.jpg: train has no class 'mouse' \(it has cat, dog",
    "folder: a class folder without images": r"data/emu: an empty folder; put the images of this class there",
    "folder: cut-off images, broken links, a link in a circle, a FIFO": (
        r"(?s)7 of 43 images cannot be used.*--skip-bad-images.*cut.jpg: .*empty.png: .*an empty file.*text.png: .*"
        r"broken.jpg: a broken link.*loop: a link to a folder that contains it.*self.jpg: .*"
        r"fifo.jpg: not a regular file"
    ),
    "folder: ./digits that holds no images, beside the shipped set of that name": r"write digits: for the data set",
    "folder: empty": r"an empty folder; it can be cifar10, .*\.npz; see docs/data.md",
    "a path that is not there": r"nothing: no such data set or path; it can be",
    "images: HEIC, as a phone writes it": r"phone.heic: .*HEIC; convert it to JPEG or PNG",
    "images: one of 11,000x11,000 pixels": r"huge.png: 11000x11000 pixels; no image above 100 million pixels",
    "images: EPS under the name of a JPEG": r"x.jpg: not a readable image \(a document",
    "parquet: labels are fractions": r"column 'label': labels must be integers or words",
    "parquet: columns that cannot be guessed": r"which column holds the images\? --image-column front, or one of back",
    "parquet: paths that lead out of the data set": r"row 0: names a file outside of the data set \(../.*passwd\)",
    "parquet: two data sets in one folder": r"holds several data sets \(coarse, fine\)",
    "csv: rows whose images are missing, or outside of the folder, or of two classes": (
        r"(?s)row 37: no image gone.jpg.*row 38: names a file outside.*row 39 .*another class than in labels.csv row 1"
    ),
    "csv: several columns that may be the label": r"which column holds the labels\? --label-column breed, ",
    "zip: names that lead out of the archive": r"(?s)/abs.jpg: a name that leads out.*evil.jpg: a name that leads out",
    "zip: claims more bytes than it can hold": r"claims 4,0.* bytes, more than its size can hold",
    "zip: labels.csv and images without class folders": r"holds labels.csv but no class folders; unpack it",
    "zip: damaged": r"pets.zip: cannot be read",
    "tar: ImageNet's archives": r"ImageNet's archives .*; write imagenet:",
    "npz: floats from -1 to 1": r"pixels from -0.* to .*write integers from 0 to 255, or floats from 0 to 1",
    "npz: Python objects": r"allow_pickle=False",
    "h5, pickle, mat: forms that are not read": r"pets.h5: holds no data set; it can be",
}
SAYS = {
    "folder: train/ and val/ alone": r"train 18 \(train/\), val 6 \(val/\), test 6 \(split off train\)",
    "folder: Training/, Validation/, Testing/": r"train 24 \(Training/\), val 6 \(Validation/\), test 6 \(Testing/\)",
    "folder: train/ and valid/": r"val 6 \(valid/\)",
    "folder: train/CLASS beside a folder of another name": r"extra/ is not called .*: 6 images are left out",
    "folder: train/CLASS and a flat val/*.JPEG": r"val/ has images that are in no class folder.*: 5 images",
    "folder: pets_train/CLASS and pets_test/CLASS": r"train 18 \(pets_train/\), .*test 6 \(pets_test/\)",
    "folder: CLASS/sub/*.jpg beside CLASS/*.jpg": r"30 images in folders of a class folder are of that class \(cat/sub",
    "folder: photos/pets/CLASS, one folder deeper": r"photos/pets/ is taken for the data set",
    "folder: ._x.jpg, .DS_Store, Thumbs.db and notes.txt among the images": r"4 files skipped.*3: hidden; 1: no image",
    "folder: the same, with --skip-bad-images": r"7 files skipped, data/cat/cut.jpg the first .*a broken link",
    "folder: ./digits beside the shipped set of that name": r"write digits: for the data set of that name",
    "images: turned by EXIF": r"stored 48x32 pixels \(height x width\).*33% of the height of 36 images is cropped",
    "images: 128x32 pixels, for an input of 32x32": r"75% of the width of 36 images is cropped",
    "images: 128x32 pixels, for an input of 32x128": r"used at 32x128$",
    "images: 640x480 pixels, for an input of 448x448": r"used at 448x448; .*25% of the width",
    "images: 32x32 pixels, for an input of 224x224": r"stored 32x32 pixels, used at 32x32$",
    "images: of 16 bits": r"images of more than 8 bits, read by their upper 8 bits: 36",
    "images: transparent, with a palette, CMYK, 1 bit": r"images with transparency, laid on white: 9",
    "parquet: fine_label and coarse_label": r"labels column 'fine_label'",
    "parquet: ClassLabel with names that are not used": r"left out: emu, yak; 3 remain",
    "parquet: pets-train.parquet": r"train 24 \(pets-train.parquet\), val 6 \(pets-val.parquet\)",
    "parquet: train, test and a file of another name": r"^unsupervised.parquet is not called train.*: left out",
    "parquet: test labels of -1": r"test \(test.parquet\): 9 images without labels are left out",
    "csv: train.csv with ids, test.csv without classes": r"(?s)test.csv is not read.*5 images that no row names",
    "npz: floats from 0 to 1, (N, C, H, W), one-hot labels": r"pixels are taken to be from 0 to 1",
}
GREY = ("images: of 16 bits", "images: transparent, with a palette, CMYK, 1 bit", "images: 128x32")


@pytest.fixture(scope="module")
def samples() -> list[Any]:
    """Twelve JPEG images of each class, in its colour."""
    made: list[Any] = []
    for label in range(3):
        for number in range(12):
            data = encoded(label, "jpeg", size=(32, 32), seed=number)
            made.append(forms.Sample(label, number, data))
    return made


@pytest.mark.parametrize("name", forms.FORMS)
def test_a_form_of_data_is_read_or_refused_in_clear_words(name: str, tmp_path: Path, samples: list[Any]) -> None:
    (tmp_path / "data").mkdir()
    data, text = forms.ask(forms.FORMS[name], tmp_path / "data", samples)
    says = REFUSED.get(name) or SAYS.get(name, "")
    assert re.search(says, text, re.MULTILINE), text
    assert (data is None) == (name in REFUSED), text
    assert all(len(line) < 450 + len(str(tmp_path)) for line in text.splitlines())
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    if data and not name.startswith(GREY):
        _check_classes(data)


def _check_classes(data: Dataset) -> None:
    """Every image has the class of its colour, and every part holds every class."""
    colours = data.pixels.float().mean((2, 3)).argmax(1)
    pairs = {(int(colour), int(label)) for colour, label in zip(colours, data.targets, strict=True)}
    assert len(pairs) == 3, "each colour has one class"
    for part in (data.train, data.val, data.test):
        assert len(data.targets[part].unique()) == len(data.classes)


def test_archives_and_tables_are_the_same_data_as_the_folder(tmp_path: Path, samples: list[Any]) -> None:
    fingerprints = set[str]()
    for number, name in enumerate(("folder: CLASS/*.jpg", "zip: CLASS/*.jpg", "tar.gz: CLASS/*.jpg")):
        folder = tmp_path / str(number)
        folder.mkdir()
        fingerprints.add(load(resolve(str(forms.FORMS[name](folder, samples)))).fingerprint)
    table = forms.FORMS["parquet: labels are words"](tmp_path, samples)
    fingerprints.add(load(resolve(str(table.data / "train.parquet"))).fingerprint)
    assert len(fingerprints) == 1


def test_a_form_leaves_nothing_on_disk(tmp_path: Path, samples: list[Any], cache: Path) -> None:
    file = forms.FORMS["zip: CLASS/*.jpg"](tmp_path, samples)
    load(resolve(str(file)))
    assert list(tmp_path.iterdir()) == [file]
    assert not list(cache.rglob("*.jpg"))


def test_a_compressed_tar_is_read_in_its_own_order(tmp_path: Path, samples: list[Any]) -> None:
    forward = forms.FORMS["tar.gz: CLASS/*.jpg"](tmp_path, samples)
    data = load(resolve(str(forward)))
    (tmp_path / "other").mkdir()
    mixed = forms.FORMS["tar.gz: CLASS/*.jpg"](tmp_path / "other", samples[::-1])
    other = load(resolve(str(mixed)))
    assert other.classes == data.classes
    assert torch.equal(other.pixels.flip(0), data.pixels)


def test_real_images_in_every_form(shared_data: Path, tmp_path: Path) -> None:
    """The forms that the documentation's table shows."""
    from PIL import Image

    real = script.cifar(shared_data)
    assert len(real) == 36
    assert Image.open(io.BytesIO(real[0].data)).size == (32, 32)
    data, text = forms.ask(forms.FORMS["folder: CLASS/*.jpg"], tmp_path, real)
    assert data
    assert "36 colour images, 3 classes (cat, dog, owl)" in text


def test_expectations_are_of_forms_that_exist() -> None:
    assert set(REFUSED) | set(SAYS) <= set(forms.FORMS)
