"""Forms of archives and arrays."""

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from forms import CLASSES, Sample, form, shares, write
from PIL import Image


def _zip(file: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file


def _tar(file: Path, files: Mapping[str, bytes]) -> Path:
    with tarfile.open(file, "w:gz" if file.suffix == ".gz" else "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file


def _files(samples: list[Sample]) -> dict[str, bytes]:
    return {sample.in_class: sample.data for sample in samples}


@form("zip: CLASS/*.jpg")
def zipped(folder: Path, samples: list[Sample]) -> Path:
    return _zip(folder / "pets.zip", _files(samples))


@form("zip: pets/train/CLASS and pets/val/CLASS, with __MACOSX")
def zipped_splits(folder: Path, samples: list[Sample]) -> Path:
    files = {f"pets/{split}/{s.in_class}": s.data for split, some in shares(samples) for s in some if split != "test"}
    return _zip(folder / "pets.zip", files | {"__MACOSX/pets/._x.jpg": b"\0\5", "pets/readme.md": b"#"})


@form("zip: names that lead out of the archive")
def zip_escape(folder: Path, samples: list[Sample]) -> Path:
    return _zip(folder / "pets.zip", _files(samples) | {"../../../tmp/evil.jpg": samples[0].data, "/abs.jpg": b"x"})


@form("zip: claims more bytes than it can hold")
def zip_bomb(folder: Path, samples: list[Sample]) -> Path:
    file = _zip(folder / "pets.zip", _files(samples))
    data = bytearray(file.read_bytes())
    place = data.index(b"PK\1\2") + 24  # the uncompressed size of the first member, in the central directory
    data[place : place + 4] = (0xF0000000).to_bytes(4, "little")
    file.write_bytes(bytes(data))
    return file


@form("zip: labels.csv and images without class folders")
def zip_with_table(folder: Path, samples: list[Sample]) -> Path:
    files = {f"{sample.label}-{sample.name}": sample.data for sample in samples}
    return _zip(folder / "pets.zip", files | {"labels.csv": b"file,label\n"})


@form("zip: damaged")
def zip_damaged(folder: Path, samples: list[Sample]) -> Path:
    file = _zip(folder / "pets.zip", _files(samples))
    file.write_bytes(file.read_bytes()[:5000])
    return file


def _samples(samples: list[Sample], as_json: bool = False) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for number, sample in enumerate(samples):
        files[f"{number:06d}.jpg"] = sample.data
        meta = json.dumps({"label": CLASSES[sample.label], "boxes": []})
        files[f"{number:06d}.{'json' if as_json else 'cls'}"] = (meta if as_json else f"{sample.label}").encode()
    return files


@form("tar: WebDataset, KEY.jpg and KEY.cls")
def webdataset(folder: Path, samples: list[Sample]) -> Path:
    return _tar(folder / "pets.tar", _samples(samples))


@form("tar: WebDataset shards train-000000.tar and val-000000.tar, KEY.json")
def shards(folder: Path, samples: list[Sample]) -> Path:
    for split, some in shares(samples):
        _tar(folder / f"{split}-000000.tar", _samples(some, as_json=True))
    return folder


@form("tar.gz: WebDataset")
def compressed(folder: Path, samples: list[Sample]) -> Path:
    return _tar(folder / "pets.tar.gz", _samples(samples))


@form("tar: train/CLASS and test/CLASS")
def tar_folders(folder: Path, samples: list[Sample]) -> Path:
    files = {f"{split}/{s.in_class}": s.data for split, some in shares(samples) for s in some if split != "val"}
    return _tar(folder / "pets.tar", files)


@form("tar.gz: CLASS/*.jpg")
def tar_gz_folders(folder: Path, samples: list[Sample]) -> Path:
    return _tar(folder / "pets.tar.gz", _files(samples))


@form("tar: ImageNet's archives")
def imagenet(folder: Path, samples: list[Sample]) -> Path:
    _tar(folder / "ILSVRC2012_img_train.tar", {"n01.tar": b""})
    return folder


def _arrays(samples: list[Sample]) -> tuple[np.ndarray, np.ndarray]:
    images = [np.asarray(Image.open(io.BytesIO(sample.data)).convert("RGB")) for sample in samples]
    return np.stack(images), np.array([sample.label for sample in samples])


@form("npz: x_train, y_train, x_test, y_test")
def npz(folder: Path, samples: list[Sample]) -> Path:
    found = {split: _arrays(some) for split, some in shares(samples)}
    (x, y), (x_test, y_test) = found["train"], found["test"]
    np.savez(folder / "pets.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    return folder / "pets.npz"


@form("npz: train_images, train_labels, val_images, ... (MedMNIST), labels of shape (N, 1)")
def medmnist(folder: Path, samples: list[Sample]) -> Path:
    arrays: dict[str, np.ndarray] = {}
    for split, some in shares(samples):
        arrays[f"{split}_images"], labels = _arrays(some)
        arrays[f"{split}_labels"] = labels[:, None]
    np.savez_compressed(folder / "pets.npz", **arrays)
    return folder / "pets.npz"


@form("npz: floats from 0 to 1, (N, C, H, W), one-hot labels")
def floats(folder: Path, samples: list[Sample]) -> Path:
    images, labels = _arrays(samples)
    np.savez(folder / "pets.npz", X=(images / 255).transpose(0, 3, 1, 2).astype(np.float32), y=np.eye(3)[labels])
    return folder / "pets.npz"


@form("npz: floats from -1 to 1")
def signed(folder: Path, samples: list[Sample]) -> Path:
    images, labels = _arrays(samples)
    np.savez(folder / "pets.npz", images=images / 127.5 - 1, labels=labels)
    return folder / "pets.npz"


@form("npz: Python objects")
def objects(folder: Path, samples: list[Sample]) -> Path:
    np.savez(folder / "pets.npz", x_train=np.array([{}, {}], object), y_train=np.array([0, 1]))
    return folder / "pets.npz"


@form("h5, pickle, mat: forms that are not read")
def others(folder: Path, samples: list[Sample]) -> Path:
    return write(folder, {"pets.h5": b"\x89HDF\r\n\x1a\n"}) / "pets.h5"
