"""Forms of folders of image files."""

import os
from pathlib import Path

from forms import CLASSES, Asked, Sample, form, shares, write


@form("folder: CLASS/*.jpg")
def classes(folder: Path, samples: list[Sample]) -> Path:
    return write(folder, {sample.in_class: sample.data for sample in samples})


def _split(folder: Path, samples: list[Sample], names: dict[str, str]) -> Path:
    for split, some in shares(samples):
        if split in names:
            write(folder / names[split], {sample.in_class: sample.data for sample in some})
    return folder


@form("folder: train/CLASS, val/CLASS, test/CLASS")
def splits(folder: Path, samples: list[Sample]) -> Path:
    return _split(folder, samples, {"train": "train", "val": "val", "test": "test"})


@form("folder: train/ and val/ alone")
def train_val(folder: Path, samples: list[Sample]) -> Path:
    return _split(folder, samples, {"train": "train", "val": "val"})


@form("folder: Training/, Validation/, Testing/")
def words(folder: Path, samples: list[Sample]) -> Path:
    return _split(folder, samples, {"train": "Training", "val": "Validation", "test": "Testing"})


@form("folder: train/ and valid/")
def valid(folder: Path, samples: list[Sample]) -> Path:
    return _split(folder, samples, {"train": "train", "val": "valid"})


@form("folder: train/CLASS beside a folder of another name")
def extra(folder: Path, samples: list[Sample]) -> Path:
    return _split(folder, samples, {"train": "train", "val": "val", "test": "extra"})


@form("folder: pets_train/CLASS and pets_test/CLASS")
def long_names(folder: Path, samples: list[Sample]) -> Path:
    return _split(folder, samples, {"train": "pets_train", "test": "pets_test"})


@form("folder: CLASS/train, CLASS/test")
def inner_splits(folder: Path, samples: list[Sample]) -> Path:
    for split, some in shares(samples):
        write(folder, {f"{CLASSES[sample.label]}/{split}/{sample.name}": sample.data for sample in some})
    return folder


@form("folder: CLASS/sub/*.jpg beside CLASS/*.jpg")
def nested(folder: Path, samples: list[Sample]) -> Path:
    return write(folder, {sample.in_class.replace("/00", "/sub/deep/00"): sample.data for sample in samples})


@form("folder: photos/pets/CLASS, one folder deeper")
def wrapped(folder: Path, samples: list[Sample]) -> Path:
    return write(folder, {f"photos/pets/{sample.in_class}": sample.data for sample in samples})


@form("folder: train/CLASS and a flat val/*.JPEG")
def flat_val(folder: Path, samples: list[Sample]) -> Path:
    write(folder, {f"train/{sample.in_class}": sample.data for sample in samples})
    return write(folder, {f"val/ILSVRC2012_val_{sample.number:08d}.JPEG": sample.data for sample in samples[:5]})


@form("folder: test/CLASS alone")
def only_test(folder: Path, samples: list[Sample]) -> Path:
    return _split(folder, samples, {"test": "test"})


@form("folder: images without class folders")
def flat(folder: Path, samples: list[Sample]) -> Path:
    return write(folder, {f"{sample.label}-{sample.name}": sample.data for sample in samples})


@form("folder: a class of test that train lacks")
def strange_class(folder: Path, samples: list[Sample]) -> Path:
    write(folder, {f"train/{sample.in_class}": sample.data for sample in samples})
    return write(folder, {"test/mouse/1.jpg": samples[0].data, "test/mouse/2.jpg": samples[1].data})


@form("folder: a class folder without images")
def empty_class(folder: Path, samples: list[Sample]) -> Path:
    (folder / "emu").mkdir()
    return classes(folder, samples)


@form("folder: ._x.jpg, .DS_Store, Thumbs.db and notes.txt among the images")
def litter(folder: Path, samples: list[Sample]) -> Path:
    write(folder, {"cat/._000.jpg": b"\0\5\x16\7", ".DS_Store": b"", "dog/Thumbs.db": b"", "dog/notes.txt": b"woof"})
    return classes(folder, samples)


def _trouble(folder: Path, samples: list[Sample]) -> Path:
    classes(folder, samples)
    write(folder / "cat", {"cut.jpg": samples[0].data[:300], "empty.png": b"", "text.png": b"hello"})
    os.symlink("nowhere.jpg", folder / "dog" / "broken.jpg")
    os.symlink("self.jpg", folder / "dog" / "self.jpg")
    os.symlink("..", folder / "dog" / "loop")
    os.mkfifo(folder / "owl" / "fifo.jpg")
    return folder


@form("folder: cut-off images, broken links, a link in a circle, a FIFO")
def trouble(folder: Path, samples: list[Sample]) -> Path:
    return _trouble(folder, samples)


@form("folder: the same, with --skip-bad-images")
def trouble_skipped(folder: Path, samples: list[Sample]) -> Asked:
    return Asked(_trouble(folder, samples), {"skip_bad": True})


@form("folder: names that are no UTF-8, and names with a newline")
def odd_names(folder: Path, samples: list[Sample]) -> Path:
    classes(folder, samples)
    (Path(os.fsdecode(os.fsencode(folder / "cat") + b"/caf\xe9.jpg"))).write_bytes(samples[0].data)
    (folder / "owl" / "new\nline\x1b[31m.jpg").write_bytes(samples[-1].data)
    return folder


@form("folder: ./digits beside the shipped set of that name")
def shipped_name(folder: Path, samples: list[Sample]) -> Asked:
    classes(folder / "digits", samples)
    return Asked("digits")


@form("folder: ./digits that holds no images, beside the shipped set of that name")
def shipped_name_empty(folder: Path, samples: list[Sample]) -> Asked:
    (folder / "digits").mkdir()
    return Asked("digits")


@form("folder: empty")
def empty(folder: Path, samples: list[Sample]) -> Path:
    return folder


@form("a path that is not there")
def missing(folder: Path, samples: list[Sample]) -> Path:
    return folder / "nothing"
