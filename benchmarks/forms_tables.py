"""Forms of Parquet, Arrow, CSV and JSON tables."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from forms import CLASSES, Asked, Sample, form, shares, write

_STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def _images(samples: Sequence[Sample], kind: pa.DataType = _STRUCT) -> pa.Array:
    rows = [{"bytes": s.data, "path": s.name} if pa.types.is_struct(kind) else s.data for s in samples]
    return pa.array(rows, kind)


def _write(file: Path, **columns: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)


def _labels(samples: Sequence[Sample]) -> list[int]:
    return [sample.label for sample in samples]


@form("parquet: train.parquet and test.parquet, image and label")
def plain(folder: Path, samples: list[Sample]) -> Path:
    for split, some in shares(samples):
        _write(folder / f"{split}.parquet", image=_images(some), label=_labels(some))
    return folder


def _layout(name: str, pattern: str) -> None:
    @form(f"parquet: {name}")
    def layout(folder: Path, samples: list[Sample]) -> Path:
        for split, some in shares(samples):
            _write(folder / pattern.format(split), image=_images(some), label=_labels(some))
        return folder


_layout("plain_text/train-00000-of-00001.parquet", "plain_text/{}-00000-of-00001.parquet")
_layout("data/train-00000-of-00001.parquet", "data/{}-00000-of-00001.parquet")
_layout("default/train/0000.parquet", "default/{}/0000.parquet")
_layout("pets-train.parquet", "pets-{}.parquet")


@form("parquet: train, test and a file of another name")
def unsupervised(folder: Path, samples: list[Sample]) -> Path:
    _write(plain(folder, samples) / "unsupervised.parquet", image=_images(samples), label=[-1] * len(samples))
    return folder


def _column(name: str, kind: Any = _STRUCT, image: str = "image", label: str = "label", **options: Any) -> None:
    """Build a form of one file whose labels are `options["labels"](number of the class)`."""
    labels, asked = options.pop("labels", int), options

    @form(f"parquet: {name}")
    def column(folder: Path, samples: list[Sample]) -> Asked:
        values = pa.array([labels(sample.label) for sample in samples])
        values = values.dictionary_encode() if "dictionary" in name else values
        _write(folder / "train.parquet", **{image: _images(samples, kind), label: values})
        return Asked(folder, asked)


_column("a column img", image="img")
_column("pixel_values as plain binary", pa.binary(), image="pixel_values")
_column("large_binary", pa.large_binary())
_column("binary_view", pa.binary_view())
_column("labels are words", labels=CLASSES.__getitem__)
_column("labels are a dictionary", labels=CLASSES.__getitem__)
_column("labels are true and false", labels=bool)
_column("labels from 1", labels=lambda label: label + 1)
_column("labels with gaps", labels=lambda label: 10 * label)
_column("labels as floats", labels=float)
_column("labels -1 and 1", labels=lambda label: 1 if label else -1)
_column("labels are fractions", labels=lambda label: label + 0.5)


@form("parquet: fine_label and coarse_label")
def fine_coarse(folder: Path, samples: list[Sample]) -> Path:
    coarse = [label // 2 for label in _labels(samples)]
    _write(folder / "train.parquet", img=_images(samples), fine_label=_labels(samples), coarse_label=coarse)
    return folder


@form("parquet: --label-column coarse_label")
def coarse(folder: Path, samples: list[Sample]) -> Asked:
    return Asked(fine_coarse(folder, samples), {"label_column": "coarse_label"})


@form("parquet: columns that cannot be guessed")
def unclear(folder: Path, samples: list[Sample]) -> Path:
    _write(folder / "train.parquet", front=_images(samples), back=_images(samples), age=_labels(samples))
    return folder


@form("parquet: the same, with --image-column back")
def unclear_answered(folder: Path, samples: list[Sample]) -> Asked:
    return Asked(unclear(folder, samples), {"image_column": "back"})


@form("parquet: ClassLabel with names that are not used")
def unused_names(folder: Path, samples: list[Sample]) -> Path:
    features = {"label": {"names": [*CLASSES, "emu", "yak"], "_type": "ClassLabel"}}
    table = pa.table({"image": _images(samples), "label": _labels(samples)})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), folder / "train.parquet")
    return folder


@form("parquet: test labels of -1")
def unlabelled_test(folder: Path, samples: list[Sample]) -> Path:
    plain(folder, samples)
    _write(folder / "test.parquet", image=_images(samples[:9]), label=[-1] * 9)
    return folder


@form("parquet: paths of files instead of bytes")
def paths(folder: Path, samples: list[Sample]) -> Path:
    write(folder, {f"files/{sample.label}-{sample.name}": sample.data for sample in samples})
    rows = [{"bytes": None, "path": f"files/{sample.label}-{sample.name}"} for sample in samples]
    _write(folder / "train.parquet", image=pa.array(rows, _STRUCT), label=_labels(samples))
    return folder


@form("parquet: paths that lead out of the data set")
def paths_outside(folder: Path, samples: list[Sample]) -> Path:
    rows = [{"bytes": None, "path": "../../../../etc/passwd"} for _ in samples]
    _write(folder / "train.parquet", image=pa.array(rows, _STRUCT), label=_labels(samples))
    return folder


@form("parquet: two data sets in one folder")
def two_sets(folder: Path, samples: list[Sample]) -> Path:
    for name in ("fine", "coarse"):
        _write(folder / name / "train-00000-of-00001.parquet", image=_images(samples), label=_labels(samples))
    return folder


@form("arrow: saved by datasets.save_to_disk")
def saved(folder: Path, samples: list[Sample]) -> Path:
    for split, some in shares(samples):
        table = pa.table({"image": _images(some), "label": _labels(some)})
        (folder / split).mkdir()
        with pa.ipc.new_stream(folder / split / "data-00000-of-00001.arrow", table.schema) as writer:
            writer.write_table(table)
    return write(folder, {"dataset_dict.json": b'{"splits": ["train", "val", "test"]}'})


def _rows(samples: Sequence[Sample], line: str, head: str) -> bytes:
    lines = [line.format(name=s.name, stem=s.name[:-4], of=CLASSES[s.label], label=s.label) for s in samples]
    return "\n".join([head, *lines, ""]).encode()


def _unique(samples: list[Sample]) -> list[Sample]:
    """Return the samples with numbers that differ between classes."""
    return [Sample(s.label, 100 * s.label + s.number, s.data) for s in samples]


@form("csv: labels.csv with file names and classes, images in images/")
def labels_csv(folder: Path, samples: list[Sample]) -> Path:
    mine = _unique(samples)
    write(folder, {f"images/{sample.name}": sample.data for sample in mine})
    return write(folder, {"labels.csv": _rows(mine, "{name},{of}", "filename,label")})


@form("csv: metadata.csv in train/ and test/")
def metadata_csv(folder: Path, samples: list[Sample]) -> Path:
    for split, some in shares(_unique(samples)):
        write(folder / split, {sample.name: sample.data for sample in some})
        write(folder / split, {"metadata.csv": _rows(some, "{name},{label}", "file_name,label")})
    return folder


@form("csv: train.csv with ids, test.csv without classes")
def competition(folder: Path, samples: list[Sample]) -> Path:
    mine = _unique(samples)
    write(folder, {f"train/{sample.name}": sample.data for sample in mine})
    write(folder, {f"test/x{sample.name}": sample.data for sample in mine[:5]})
    write(folder, {"train.csv": _rows(mine, "{stem},{of}", "id,breed")})
    return write(folder, {"test.csv": _rows(mine[:5], "x{stem}", "id")})


@form("csv: a column split, semicolons")
def split_column(folder: Path, samples: list[Sample]) -> Path:
    mine = _unique(samples)
    write(folder, {sample.name: sample.data for sample in mine})
    lines = [f"{s.name};{CLASSES[s.label]};{split}" for split, some in shares(mine) for s in some]
    return write(folder, {"list.csv": "\n".join(["image;class;split", *lines]).encode()}) / "list.csv"


@form("csv: without column names")
def headless(folder: Path, samples: list[Sample]) -> Path:
    labels_csv(folder, samples)
    rows = (folder / "labels.csv").read_bytes().split(b"\n", 1)[1]
    return write(folder, {"labels.csv": rows})


@form("tsv: file names and classes")
def tsv(folder: Path, samples: list[Sample]) -> Path:
    labels_csv(folder, samples)
    text = (folder / "labels.csv").read_bytes().replace(b",", b"\t")
    (folder / "labels.csv").unlink()
    return write(folder, {"labels.tsv": text})


@form("jsonl: metadata.jsonl")
def jsonl(folder: Path, samples: list[Sample]) -> Path:
    mine = _unique(samples)
    write(folder, {sample.name: sample.data for sample in mine})
    lines = [json.dumps({"file_name": s.name, "label": s.label, "boxes": [[1, 2]]}) for s in mine]
    return write(folder, {"metadata.jsonl": "\n".join(lines).encode()})


@form("csv: rows whose images are missing, or outside of the folder, or of two classes")
def csv_trouble(folder: Path, samples: list[Sample]) -> Path:
    labels_csv(folder, samples)
    more = b"gone.jpg,cat\n../../../etc/passwd,dog\n000.jpg,owl\n"
    return write(folder, {"labels.csv": (folder / "labels.csv").read_bytes() + more})


@form("csv: several columns that may be the label")
def csv_unclear(folder: Path, samples: list[Sample]) -> Path:
    mine = _unique(samples)
    write(folder, {sample.name: sample.data for sample in mine})
    return write(folder, {"labels.csv": _rows(mine, "{name},{of},{label}", "filename,breed,age")})
