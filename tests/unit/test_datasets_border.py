"""Damaged or hostile data of every form: data, or a DataError with a short message; nothing else."""

import io
import os
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from mlpnas.datasets import Dataset, _open, load, resolve
from mlpnas.datasets._open import Layout, Unreadable
from mlpnas.errors import DataError
from tests.support.image_files import encoded, image, write_folder, write_parquet

FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
# (where, as a share of the length; what to write there; how many bytes to leave out)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6), st.integers(0, 9)), min_size=1, max_size=4)


def _edited(data: bytes, edits: list[tuple[float, bytes, int]]) -> bytes:
    for share, new, left_out in edits:
        place = int(share * len(data))
        data = data[:place] + new + data[place + len(new) + left_out :]
    return data


def _load(path: Path) -> Dataset | None:
    """Return the data, or None if they are refused in a few words."""
    load.cache_clear()
    try:
        return load(resolve(str(path)))
    except DataError as error:
        text = str(error)
    assert all(len(line) < 700 for line in text.splitlines())
    assert len(text.splitlines()) < 25
    return None


def _png(mode: str) -> bytes:
    out = io.BytesIO()
    image(1).convert(mode).save(out, "PNG")
    return out.getvalue()


IMAGES = [encoded(0, kind) for kind in ("png", "jpeg", "gif", "bmp", "tiff", "webp", "ppm", "avif")]
IMAGES += [_png(mode) for mode in ("P", "LA", "RGBA", "1")]


@given(st.sampled_from(IMAGES), EDITS)
@settings(max_examples=300)
def test_a_damaged_image_is_pixels_or_unreadable(data: bytes, edits: list[tuple[float, bytes, int]]) -> None:
    damaged = _edited(data, edits)
    try:
        header = _open.header(damaged)
        pixels = _open.pixels(damaged, Layout(3, 8, 8))
    except Unreadable as error:
        text = str(error)
    else:
        text = "read"
        assert header.height * header.width <= _open.MOST_PIXELS
        assert pixels.shape == (3, 8, 8)
    assert 0 < len(text) < 300
    assert text.isprintable()


@given(st.binary(max_size=200))
@example(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
@example(b"P5 99999 99999 255\n")
def test_any_bytes_are_no_image(data: bytes) -> None:
    with suppress(Unreadable):
        _open.pixels(data, Layout(1, 4, 4))


def _zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(write_folder(folder / "pets", 4).rglob("*.png")):
            archive.write(file, file.relative_to(folder))
    return folder / "x.zip"


def _tar(folder: Path, ending: str = "tar") -> Path:
    file = folder / f"x.{ending}"
    with tarfile.open(file, "w:gz" if ending.endswith("gz") else "w") as archive:
        for label in range(3):
            for number in range(4):
                for name, data in (("png", encoded(label, seed=number)), ("cls", str(label).encode())):
                    member = tarfile.TarInfo(f"{label}{number}.{name}")
                    member.size = len(data)
                    archive.addfile(member, io.BytesIO(data))
    return file


def _npz(folder: Path) -> Path:
    pixels = np.stack([np.asarray(image(label)) for label in range(3)] * 4)
    np.savez_compressed(folder / "x.npz", x_train=pixels, y_train=np.arange(12) % 3)
    return folder / "x.npz"


def _arrow(folder: Path) -> Path:
    images = [encoded(row % 3, seed=row) for row in range(12)]
    table = pa.table({"image": pa.array(images, pa.binary()), "label": [row % 3 for row in range(12)]})
    with pa.ipc.new_stream(folder / "x.arrow", table.schema) as writer:
        writer.write_table(table)
    return folder / "x.arrow"


def _csv(folder: Path) -> Path:
    rows = [f"{name}/{number}.png,{name}" for name in ("cat", "dog", "owl") for number in range(4)]
    write_folder(folder, 4)
    (folder / "labels.csv").write_text("\n".join(["file,label", *rows]))
    return folder / "labels.csv"


FILES: dict[str, Callable[[Path], Path]] = {
    "parquet": lambda folder: write_parquet(folder / "x.parquet", [0, 1, 2] * 4),
    "arrow": _arrow,
    "zip": _zip,
    "tar": _tar,
    "tar.gz": lambda folder: _tar(folder, "tar.gz"),
    "npz": _npz,
    "csv": _csv,
}


@pytest.mark.parametrize("form", FILES)
def test_a_damaged_file_of_data_is_data_or_refused(form: str, tmp_path: Path) -> None:
    file = FILES[form](tmp_path)
    whole = file.read_bytes()
    assert _load(file)

    @given(EDITS)
    @FEW
    def damage(edits: list[tuple[float, bytes, int]]) -> None:
        file.write_bytes(_edited(whole, edits))
        _load(file)

    damage()


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=[]), min_size=1, max_size=12)


@given(st.lists(st.lists(NAMES, min_size=1, max_size=3), min_size=1, max_size=6))
@FEW
@example([["..", "..", "x"]])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_may_hold_any_names(rows: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as path:
        file = Path(path) / "x.zip"
        with zipfile.ZipFile(file, "w") as archive:
            for number, row in enumerate(rows):
                name = "/".join(row).encode("utf-8", "replace").decode()
                for label, top in enumerate(("cat", "dog")):
                    archive.writestr(f"{top}/{number}{name}.png", encoded(label))
                    archive.writestr(f"{name}.png", encoded(0))
        _load(file)
        assert os.listdir(path) == ["x.zip"]


def test_a_zip_may_hold_a_file_without_a_name(tmp_path: Path) -> None:
    file = _zip(tmp_path)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("zzzz", b"what comes after a NUL is not read")
    file.write_bytes(file.read_bytes().replace(b"zzzz", b"\0zzz"))
    assert _load(file)


@given(st.lists(st.one_of(st.integers(-3, 5), st.none(), st.text(max_size=3), st.booleans()), min_size=4, max_size=12))
@FEW
@pytest.mark.parametrize("dictionary", [False, True])
def test_labels_may_be_anything(dictionary: bool, labels: list[Any]) -> None:
    kind = type(next((label for label in labels if label is not None), 0))
    column = pa.array([label if type(label) is kind else None for label in labels])
    with tempfile.TemporaryDirectory() as path:
        images = [encoded(row % 3) for row in range(len(labels))]
        values = column.dictionary_encode() if dictionary and not pa.types.is_null(column.type) else column
        data = _load(write_parquet(Path(path) / "x.parquet", values, images))
        if data:
            assert len(data.classes) == len(set(data.classes)) >= 2
            assert sorted(data.targets.unique().tolist()) == list(range(len(data.classes)))


@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), max_size=6))
@FEW
@example([["../../etc/passwd", "cat"], ["/etc/passwd", "dog"], ["x.png\0", "cat"]])
def test_a_table_may_name_anything(rows: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as path:
        folder = write_folder(Path(path) / "pets", 2)
        good = [f"{name}/{number}.png,{name}" for name in ("cat", "dog", "owl") for number in range(2)]
        text = "\n".join(["file,label", *good, *(",".join(row) for row in rows)])
        (folder / "labels.csv").write_bytes(text.encode("utf-8", "surrogatepass"))
        _load(folder / "labels.csv")


@given(
    st.integers(0, 4),
    st.lists(st.integers(0, 9), max_size=4),
    st.sampled_from(["f4", "f8", "u1", "i8", "?", "U3", "c8"]),
)
@FEW
def test_arrays_may_have_any_shape_and_type(count: int, shape: list[int], kind: str) -> None:
    with tempfile.TemporaryDirectory() as path:
        x = np.zeros((count, *shape), kind)
        np.savez(Path(path) / "x.npz", x_train=x, y_train=np.arange(count))
        np.savez(Path(path) / "y.npz", x_train=np.zeros((4, 8, 8), np.uint8), y_train=x)
        _load(Path(path) / "x.npz")
        _load(Path(path) / "y.npz")


def test_a_header_that_promises_more_than_there_is(tmp_path: Path) -> None:
    """A .npy inside that claims 10 TB, and a picture that claims 65,535 pixels a side."""
    header = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '|u1', 'fortran_order': False, 'shape': (9999999, 1000, 1000), }"
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x_train.npy", header.ljust(127) + b"\n")
    with pytest.raises(DataError, match=r"x.npz: cannot be read"):
        load(resolve(str(tmp_path / "x.npz")))
    with pytest.raises(Unreadable, match="no image above 100 million pixels"):
        _open.pixels(b"P6 65535 65535 255\n", Layout(3, 8, 8))


def test_members_that_unpack_to_more_than_is_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpnas.datasets._archive.MOST_BYTES", 5000)
    big = io.BytesIO()
    Image.new("RGB", (60, 60)).save(big, "BMP")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("cat", "dog"):
            archive.writestr(f"{name}/1.png", encoded(0))
        archive.writestr("cat/2.bmp", big.getvalue())
    with pytest.raises(DataError, match=r"cat/2.bmp: larger than"):
        load(resolve(str(tmp_path / "x.zip")))
