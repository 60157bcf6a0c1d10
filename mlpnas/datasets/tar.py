"""Images in .tar: WebDataset shards (KEY.jpg beside KEY.cls or KEY.json), or folders of images. Nothing is extracted.

The path is a file, or a folder with shards such as train-000000.tar and val-000000.tar. Compressed shards (.tar.gz) are
read from their beginning in every pass.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from mlpnas.datasets import DataRef
from mlpnas.datasets._archive import TarArchive, is_tar, stamp_of, tree_of
from mlpnas.datasets._columns import LABELS, choose
from mlpnas.datasets._labels import number_classes, plain
from mlpnas.datasets._listing import Encoded, Labels, Listing, Part, escape
from mlpnas.datasets._parts import by_split, origin_of
from mlpnas.errors import DataError

_LABELS = (".cls", ".cls.txt", ".json")


class Tar:
    needs_path = True
    flip = True
    has_columns = True

    def __init__(self, ref: DataRef) -> None:
        self.path, self.ref = Path(ref.path), ref

    @classmethod
    def recognises(cls, path: Path) -> int:
        return 2 if _files(path) else 0

    def listing(self) -> Listing:
        if not (files := _files(self.path)):
            raise DataError(f"{self.path}: no such .tar file, or folder with such")
        if archives := [file.name for file in files if file.name.startswith("ILSVRC2012")]:
            raise DataError(f"{self.path}: ImageNet's archives ({archives[0]}); write imagenet:{self.path}")
        found, left_out = by_split(files, self.path)
        shards = {split: [TarArchive(file, _LABELS) for file in some] for split, some in found.items()}
        every = [shard for some in shards.values() for shard in some]
        if not any(shard.texts for shard in every):
            return self._folders(every)
        listing = self._samples(shards, {split: origin_of(some, self.path) for split, some in found.items()})
        return replace(listing, notes=(*listing.notes, *left_out))

    def _folders(self, archives: Sequence[TarArchive]) -> Listing:
        if len(archives) > 1:
            raise DataError(
                f"{self.path}: {len(archives)} archives without KEY.cls or KEY.json files; name one of them"
            )
        if self.ref.image_column or self.ref.label_column:
            raise DataError(f"{self.path}: has no columns; leave --image-column and --label-column out")
        return tree_of(archives[0]).listing()

    def _samples(self, shards: Mapping[str, Sequence[TarArchive]], origins: Mapping[str, str]) -> Listing:
        fields = _Fields(self.ref)
        samples = {split: [_Shard(archive, fields) for archive in some] for split, some in shards.items()}
        columns = {
            split: [plain(pa.chunked_array([pa.array(shard.labels, pa.string())]), str(self.path)) for shard in some]
            for split, some in samples.items()
        }
        known = number_classes(columns, (), str(self.path))
        every = [shard for some in shards.values() for shard in some]
        return Listing(
            known.classes,
            {split: _part(some, known.labels[split], origins[split]) for split, some in samples.items()},
            str(stamp_of([shard.path for shard in every])),
            notes=(_labels_note(fields.label),),
            skipped=tuple(item for shard in every for item in shard.contents.skipped),
        )


@dataclass
class _Fields:
    """The image file of a sample and the JSON field of its label; the same in all samples."""

    ref: DataRef
    label: str = ""

    def label_of(self, texts: Mapping[str, bytes], where: str) -> str | None:
        for ending in (".cls", ".cls.txt"):
            if ending in texts and not self.ref.label_column:
                return texts[ending].decode("utf-8", "replace").strip() or None
        if ".json" not in texts:
            return None
        try:
            data = json.loads(texts[".json"])
        except (ValueError, RecursionError):
            raise DataError(f"{where}: its .json cannot be read") from None
        if not isinstance(data, dict):
            return str(data) if isinstance(data, int | str) else None
        if not self.label:
            possible = [name for name, value in data.items() if isinstance(value, int | str)]
            self.label = choose(self.ref.label_column, possible, LABELS, list(data), "label", where)
        value = data.get(self.label)
        return str(value) if isinstance(value, int | str) else None


class _Shard:
    """The samples of one archive: names of their images, and their labels."""

    def __init__(self, archive: TarArchive, fields: _Fields) -> None:
        self.archive, self.labels = archive, list[str | None]()
        texts: dict[str, dict[str, bytes]] = {}
        for name, text in archive.texts.items():
            key, ending = _key(name)
            texts.setdefault(key, {})[ending] = text
        images: dict[str, list[tuple[str, str]]] = {}
        for name, problem in archive.contents.images:
            images.setdefault(_key(name)[0], []).append((name, problem))
        wanted = f".{fields.ref.image_column.removeprefix('.')}" if fields.ref.image_column else ""
        self.images = [_only(key, some, wanted, archive.path) for key, some in images.items()]
        for name, _ in self.images:
            where = escape(f"{archive.path.name}/{name}")
            self.labels.append(fields.label_of(texts.get(_key(name)[0], {}), where))

    def read(self) -> Iterator[Encoded]:
        return self.archive.read([name for name, _ in self.images])


def _labels_note(field: str) -> str:
    return f"labels are the field {escape(field, 40)!r} of the .json files" if field else "labels are the .cls files"


def _only(key: str, images: Sequence[tuple[str, str]], wanted: str, path: Path) -> tuple[str, str]:
    chosen = [image for image in images if not wanted or _key(image[0])[1] == wanted]
    if len(chosen) == 1:
        return chosen[0]
    endings = ", ".join(escape(_key(name)[1].removeprefix("."), 40) for name, _ in images)
    raise DataError(f"{escape(path)}: sample {escape(key, 80)} has the images {endings}; choose one by --image-column")


def _key(name: str) -> tuple[str, str]:
    """Return key and ending as WebDataset does: "a/b.left.png" -> ("a/b", ".left.png")."""
    folder, _, base = name.rpartition("/")
    stem, dot, ending = base.partition(".")
    return f"{folder}/{stem}" if folder else stem, f"{dot}{ending}"


def _part(shards: Sequence[_Shard], labels: Labels, origin: str) -> Part:
    names = [f"{shard.archive.path.name}/{name}" for shard in shards for name, _ in shard.images]
    listed = enumerate(problem for shard in shards for _, problem in shard.images)
    problems = {number: problem for number, problem in listed if problem}

    def images() -> Iterator[Encoded]:
        return (image for shard in shards for image in shard.read())

    return Part(labels, images, lambda row: escape(names[row]), origin, problems)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if is_tar(path) else []
    return sorted(file for file in (*path.glob("*.tar*"), *path.glob("*/*.tar*")) if is_tar(file) and file.is_file())
