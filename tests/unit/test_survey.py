"""The survey of data before they are decoded, and its lines for people."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlpnas.datasets import DataRef, _open, _scan, is_comparable, load, resolve, survey
from mlpnas.errors import DataError
from tests.support.image_files import encoded, image, write_folder, write_parquet


@pytest.fixture(autouse=True)
def fresh() -> None:
    load.cache_clear()


def _with_bad(folder: Path, count: int) -> Path:
    """Return a folder of 18 good images, half of `count` unreadable at once, half only when they are decoded."""
    write_folder(folder)
    for number in range(count):
        data = b"no image" if number % 2 else encoded(0, size=(60, 60))[:-900]
        (folder / "cat" / f"bad{number:02d}.png").write_bytes(data)
    return folder


def test_a_survey_says_what_loading_gives(tmp_path: Path) -> None:
    write_folder(tmp_path / "train", 9, size=(20, 10))
    write_folder(tmp_path / "val", 2, size=(30, 30))
    ref = replace(resolve(str(tmp_path), seed=3), size=(8, 16))
    about, data = survey(ref), load(ref)
    assert about.classes == data.classes == ("cat", "dog", "owl")
    assert about.images == {"train": len(data.train), "val": len(data.val), "test": len(data.test)}
    assert about.counts == tuple(data.targets[data.train].bincount().tolist())
    assert about.origins == {"train": "train/", "val": "val/", "test": "split off train"}
    assert (about.smallest, about.largest) == ((10, 20), (30, 30))
    assert (about.size, about.channels) == (data.image, data.channels)
    assert (about.chance, about.flip, about.fingerprint) == (data.chance, data.flip, data.fingerprint)


def test_a_survey_decodes_nothing_and_looks_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = resolve(str(write_folder(tmp_path)))
    monkeypatch.setattr(_open, "pixels", None)
    monkeypatch.setattr(_open, "check", None)
    first = survey(ref)
    monkeypatch.setattr(_open, "header", None)
    assert survey(ref) == first


def test_a_damaged_scan_is_made_again(tmp_path: Path, cache: Path) -> None:
    ref = resolve(str(write_folder(tmp_path)))
    first = survey(ref)
    for file in (cache / "images").glob("*.scan.json"):
        file.write_text('{"sizes": 3}')
    assert survey(ref) == first


def test_the_first_lines_say_what_was_read(tmp_path: Path) -> None:
    write_folder(tmp_path / "train", 10, size=(60, 30))
    write_folder(tmp_path / "valid", 2, classes=("cat", "dog"), size=(60, 30))
    (tmp_path / "train" / ".DS_Store").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("hello")
    notes = survey(replace(resolve(str(tmp_path)), size=(24, 24))).notes
    assert notes == (
        f"{tmp_path.name}: 34 colour images, 3 classes (cat, dog, owl); guessing the largest class gets 50.0% of val",
        "train 24 (train/), val 4 (valid/), test 6 (split off train)",
        "stored 30x60 pixels (height x width), used at 24x24; "
        "the centre is kept: 50% of the width of 34 images is cropped",
        "2 files skipped, train/.DS_Store the first (1: hidden; 1: no image (.txt))",
    )


@pytest.mark.parametrize("count", [1, 2, 30])
def test_all_bad_images_are_named_at_once(count: int, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(resolve(str(_with_bad(tmp_path / "pets", count))))
    lines = str(caught.value).splitlines()
    assert "--skip-bad-images" in lines[0]
    assert str(caught.value).count("pets/cat/bad") == min(count, 20)
    assert len(lines) == (1 if count == 1 else min(count, 20) + 1 + (count > 20))
    if count > 1:
        assert f"{count} of {18 + count} images cannot be used" in lines[0]
    if count > 20:
        assert lines[-1] == "  and 10 more"


def test_bad_images_are_skipped_when_that_is_asked_for(tmp_path: Path) -> None:
    ref = resolve(str(_with_bad(tmp_path / "pets", 6)), skip_bad=True)
    about, data = survey(ref), load(ref)
    assert [file for file, _ in about.skipped] == [f"pets/cat/bad{number:02d}.png" for number in range(6)]
    assert sum(about.images.values()) == len(data.targets) == 18
    assert any(note.startswith("6 files skipped, pets/cat/bad00.png the first") for note in about.notes)
    assert about.fingerprint == data.fingerprint


def test_an_image_whose_pixels_cannot_be_used_is_skipped_too(tmp_path: Path) -> None:
    deep = Image.fromarray(np.array([[0, 1_000_000]], np.int32))  # a good header, and 20 bits
    deep.save(write_folder(tmp_path / "pets") / "cat" / "deep.tif")
    data = load(resolve(str(tmp_path / "pets"), skip_bad=True))
    assert len(data.targets) == 18


def test_a_class_of_bad_images_alone_is_left_out(tmp_path: Path) -> None:
    write_folder(tmp_path / "train", 6)
    for file in (tmp_path / "train" / "dog").iterdir():
        file.write_bytes(b"")
    write_folder(tmp_path / "test", 2)
    data = load(resolve(str(tmp_path), skip_bad=True))
    assert data.classes == ("cat", "owl")
    assert data.targets[data.test].tolist() == [0, 0, 1, 1]


def test_a_file_that_changes_between_scan_and_decoding_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = resolve(str(write_folder(tmp_path / "pets")))
    original: Callable[..., Any] = _scan.scan

    def scan_and_damage(*args: Any, **options: Any) -> Any:
        found = original(*args, **options)
        (tmp_path / "pets" / "owl" / "3.png").write_bytes(b"")
        return found

    monkeypatch.setattr("mlpnas.datasets._content.scan", scan_and_damage)
    with pytest.raises(DataError, match=r"pets/owl/3.png: not a readable image \(an empty file\)"):
        load(ref)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_and_folders_without_permission_are_named(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "cat" / "0.png").chmod(0)
    (tmp_path / "dog").chmod(0)
    try:
        with pytest.raises(DataError, match=r"(?s)cat/0.png: .*Permission denied.*dog: a folder that cannot be read"):
            load(resolve(str(tmp_path)))
    finally:
        (tmp_path / "dog").chmod(0o700)


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = os.scandir

    def scandir(path: Any) -> Any:
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied")
        return original(path)

    write_folder(tmp_path / "pets")
    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match=r"pets/dog: a folder that cannot be read \(Permission denied\)"):
        load(resolve(f"image_folder:{tmp_path}/pets"))


def test_a_path_that_exists_wins_over_the_shipped_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "digits")
    monkeypatch.chdir(tmp_path)
    for text in ("digits", "./digits", str(tmp_path / "digits")):
        assert resolve(text) == DataRef("image_folder", str(tmp_path / "digits"))
    assert "write digits: for the data set of that name" in survey(resolve("digits")).notes[0]
    assert resolve("digits:") == DataRef("digits")
    assert "write digits:" not in " ".join(survey(resolve("digits:")).notes)


@pytest.mark.parametrize("text", ["~nosuchuser/x", "a\0b", "x" * 5000, "", "digits\n", "\udcff"])
def test_no_path_is_too_odd_for_a_message(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        resolve(text)
    assert len(str(caught.value)) < 800
    assert str(caught.value).isprintable()


def test_columns_are_of_tables(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--label-column breed: image_folder has no columns; leave it out"):
        resolve(str(write_folder(tmp_path / "pets")), label_column="breed")
    file = write_parquet(tmp_path / "rows" / "train.parquet", [0, 1] * 6)
    with pytest.raises(DataError, match=r"--label-column breed: is not there in .* \(it has image, label\)"):
        load(resolve(str(file), label_column="breed"))
    with pytest.raises(DataError, match=r"--image-column label: cannot hold images"):
        load(resolve(str(file), image_column="label"))


def test_references_of_older_runs_read_as_before() -> None:
    old = {"source": "image_folder", "path": "/data/pets", "seed": 3}
    assert DataRef.from_json(old) == DataRef("image_folder", "/data/pets", 3)
    assert DataRef.from_json(old).to_json() == old
    new = DataRef("csv", "/data/pets", 3, "file", "breed", True, (32, 64))
    assert DataRef.from_json(new.to_json()) == new


@pytest.mark.parametrize("data", [{}, [], 1, {"source": 3}, {"size": [0, 1]}, {"size": 7}, {"seed": "0"}, {"y": 1}])
def test_a_damaged_reference_is_named(data: Any) -> None:
    data = {"source": "digits", **data} if data and isinstance(data, dict) else data
    with pytest.raises(DataError, match="a data set as JSON"):
        DataRef.from_json(data)


def test_fingerprints_of_older_versions_are_known_as_such() -> None:
    assert is_comparable(load(DataRef("digits")).fingerprint)
    assert not is_comparable("6eab286d742c4db7")
    assert not is_comparable(None)


def test_grey_images_among_colour_are_reported(tmp_path: Path) -> None:
    write_folder(tmp_path)
    image(0, mode="L").save(tmp_path / "cat" / "grey.png")
    assert "grey images, read as colour like the others: 1" in survey(resolve(str(tmp_path))).notes
