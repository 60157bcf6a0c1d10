"""Nothing that looks like data is left out or misread without a message."""

import tarfile
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlpnas.datasets import load, resolve, survey
from mlpnas.errors import DataError
from tests.support.image_files import encoded, image, write_folder, write_parquet


@pytest.fixture(autouse=True)
def fresh() -> None:
    load.cache_clear()


def test_train_and_val_without_class_folders_are_no_classes(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "pets.zip", "w") as file:
        for number in range(20):
            file.writestr(f"{('train', 'val')[number % 2]}/{number}.png", encoded(number % 3))
    with pytest.raises(DataError, match=r"train/ has images that are in no class folder"):
        survey(resolve(str(tmp_path / "pets.zip")))


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("bus", "car", "train"):
        (tmp_path / name).mkdir()
        for number in range(9):
            image(number % 3, seed=number).save(tmp_path / name / f"{number}.png")
    assert survey(resolve(str(tmp_path))).classes == ("bus", "car", "train")


def test_trainval_is_train(tmp_path: Path) -> None:
    write_folder(tmp_path / "trainval")
    write_folder(tmp_path / "test")
    assert survey(resolve(str(tmp_path))).origins["train"] == "trainval/"


def test_a_split_column_of_a_parquet_table_is_read(tmp_path: Path) -> None:
    said = ["train", "test", "train", "validation"] * 10
    labels = [row // 4 % 2 for row in range(40)]
    columns = {"image": [encoded(label, seed=row) for row, label in enumerate(labels)], "label": labels}
    pq.write_table(pa.table({**columns, "split": said}), tmp_path / "all.parquet")
    ref = resolve(str(tmp_path / "all.parquet"))
    about, data = survey(ref), load(ref)
    assert about.images == {"train": 20, "val": 10, "test": 10}
    assert about.origins["test"] == "all.parquet, column 'split'"
    pq.write_table(pa.table(columns), tmp_path / "plain.parquet")
    plain = load(resolve(str(tmp_path / "plain.parquet")))
    order = [row for split in ("train", "validation", "test") for row in range(40) if said[row] == split]
    assert np.array_equal(data.pixels.numpy(), plain.pixels.numpy()[order])


def test_a_damaged_row_of_a_split_table_is_named_by_its_number(tmp_path: Path) -> None:
    images = [b"" if row == 7 else encoded(row // 4 % 2, seed=row) for row in range(40)]
    said = ["train" if row % 4 else "test" for row in range(40)]
    table = pa.table({"image": images, "label": [row // 4 % 2 for row in range(40)], "split": said})
    pq.write_table(table, tmp_path / "all.parquet")
    with pytest.raises(DataError, match=r"all\.parquet row 7: "):
        survey(resolve(str(tmp_path / "all.parquet")))


def test_deeper_tables_are_reported(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", [0, 1] * 10)
    write_parquet(tmp_path / "data" / "test.parquet", [0, 1])
    notes = survey(resolve(str(tmp_path))).notes
    assert any("data/test.parquet" in note and "not read" in note for note in notes)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,class\n0.png,ä\n1.png,ö\n".encode("latin-1"), "not in UTF-8"),
        ("file,class\n0.png,a\n1.png,b\n".encode("utf-16"), "not in UTF-8"),
        (b"file,class\n0.png,a,b,c\n1.png,b\n", "Expected 2 columns, got 4"),
        (b"file class\n0.png a\n1.png b\n", "no column names images"),
    ],
    ids=["latin-1", "utf-16", "ragged", "spaces"],
)
def test_problems_of_labels_csv_are_reported_for_its_folder_too(text: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(text)
    for number in range(2):
        image(number).save(tmp_path / f"{number}.png")
    with pytest.raises(DataError, match=rf"labels\.csv: .*{says}"):
        survey(resolve(str(tmp_path)))


def test_unread_pages_and_frames_are_reported(tmp_path: Path) -> None:
    write_folder(tmp_path)
    frames = [image(number) for number in range(3)]
    for ending in ("gif", "tiff", "webp"):
        frames[0].save(tmp_path / "cat" / f"many.{ending}", save_all=True, append_images=frames[1:])
    assert "images with several frames or pages, read by their first one: 3" in survey(resolve(str(tmp_path))).notes


def test_a_tar_cut_short_between_two_files_is_reported(tmp_path: Path) -> None:
    whole = tmp_path / "pets.tar"
    with tarfile.open(whole, "w") as tar:
        for number in range(24):
            data = encoded(number % 2)
            member = tarfile.TarInfo(f"{('cat', 'dog')[number % 2]}/{number}.png")
            member.size = len(data)
            tar.addfile(member, BytesIO(data))
        end = tar.offset
    assert survey(resolve(str(whole))).skipped == ()
    whole.write_bytes(whole.read_bytes()[:end])
    assert any("cut short" in reason for _, reason in survey(resolve(str(whole))).skipped)
