"""Splits and classes from the folders of image files, on disk or in an archive."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from os.path import splitext

import numpy as np

from mlpnas.datasets._listing import Encoded, Listing, Part, escape
from mlpnas.datasets._parts import in_order, split_in, split_of
from mlpnas.errors import DataError

Named = tuple[str, str]  # a file's name, with "/", and its problem or ""
Placed = tuple[str, str, str]  # class, name, problem
_TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
_EMPTY = "an empty folder; put the images of this class there, or remove it"
_NO_IMAGE = "holds no image; put the images of this class there, or remove it"


@dataclass(frozen=True)
class Tree:
    """Files below a folder, or in an archive.

    Attributes:
        name: the folder or archive in messages.
        images: in reading order. others, empty: other files and empty folders.
        read: starts reading the images with these names.
    """

    name: str
    images: Sequence[Named]
    others: Sequence[str]
    empty: Sequence[str]
    skipped: Sequence[tuple[str, str]]
    read: Callable[[Sequence[str]], Iterable[Encoded]]
    stamp: str

    def listing(self) -> Listing:
        """Return the listing; raise DataError if there are no classes or no train part."""
        names = [name for name, problem in self.images if not problem]
        top = _single_top(names)
        sorter = _Sorter(top, names)
        found, outside = self._sort_images(sorter)
        classes = sorted({label for label, *_ in found["train"] if label})
        strange = sorted({label for images in found.values() for label, *_ in images} - set(classes))
        known = {label: number for number, label in enumerate((*classes, *strange))}
        origins = sorter.origins()
        parts = {split: self._part(images, known, origins.get(split, "all images")) for split, images in found.items()}
        notes = [f"{escape(top)}/ is taken for the data set: nothing else here holds images"] if top else []
        notes += [f"{why}: {len(some):,} images are left out" for why, some in outside.items()]
        if deeper := [name for name in names if sorter.is_deep(name)]:
            notes.append(f"{len(deeper):,} images in folders of a class folder are of that class ({escape(deeper[0])})")
        skipped = [*self.skipped, *((escape(name), f"no image ({_ending(name)})") for name in self.others)]
        return Listing((*classes, *strange), in_order(parts), self.stamp, notes=tuple(notes), skipped=tuple(skipped))

    def _sort_images(self, sorter: "_Sorter") -> tuple[dict[str, list[Placed]], dict[str, list[str]]]:
        """Return split -> images, and reason -> images of no split."""
        found: dict[str, list[Placed]] = {"train": []}
        outside: dict[str, list[str]] = {}
        for name, problem in self.images:
            split, label, why = sorter.place(name)
            if why and not problem:
                outside.setdefault(why, []).append(name)
            else:
                found.setdefault(split or "train", []).append((label, name, problem))
        if not any(not problem for images in found.values() for *_, problem in images):
            raise DataError(f"{self.name}: {_without_classes(outside, self.others)}")
        found["train"] += self._without_images(sorter, found["train"])
        if sorter.has_splits and not found["train"]:
            raise DataError(f"{self.name}: has no train part, only {' and '.join(sorter.origins())}")
        return found, outside

    def _part(self, images: Sequence[Placed], known: Mapping[str, int], origin: str) -> Part:
        labels = np.array([known[label] for label, *_ in images], np.int64)
        names = [name for _, name, _ in images]
        problems = {number: problem for number, (*_, problem) in enumerate(images) if problem}
        return Part(labels, lambda: self.read(names), lambda row: escape(f"{self.name}/{names[row]}"), origin, problems)

    def _without_images(self, sorter: "_Sorter", train: Sequence[Placed]) -> Iterator[Placed]:
        """Yield the class folders of train that hold no image."""
        classes = {label for label, *_ in train}
        for name in self.empty:
            if (label := sorter.class_of_train(f"{name}/")) and label not in classes:
                classes.add(label)
                yield label, name, _EMPTY
        for name in self.others:
            if (label := sorter.class_of_train(name)) and label not in classes:
                classes.add(label)
                yield label, name.rsplit("/", 1)[0], _NO_IMAGE


class _Sorter:
    """The assignment of files to splits and classes by their folders."""

    def __init__(self, top: str, names: Sequence[str]) -> None:
        self._start = len(top) + 1 if top else 0
        rows = [self._folders(name) for name in names]
        self._splits = _leading_splits(rows)
        self._inner = not self._splits and _has_inner_splits(rows)
        self.has_splits = bool(self._splits or self._inner)

    def _folders(self, name: str) -> list[str]:
        return name[self._start :].split("/")[:-1]

    def place(self, name: str) -> tuple[str, str, str]:
        """Return (split, class, "") of a file, or ("", "", reason) if it belongs to none."""
        folders = self._folders(name)
        if self._inner:
            return split_of(folders[1]), folders[0], ""
        if not self._splits:
            return ("train", folders[0], "") if folders else ("", "", "outside of class folders")
        if not folders:
            return "", "", f"outside of {', '.join(f'{folder}/' for folder in self._splits)}"
        if folders[0] not in self._splits:
            return "", "", f"{escape(folders[0])}/ is not called train, val or test"
        if len(folders) < 2:
            return (
                "",
                "",
                f"{escape(folders[0])}/ has images that are in no class folder, so that their class is unknown",
            )
        return self._splits[folders[0]], folders[1], ""

    def is_deep(self, name: str) -> bool:
        """Return whether a file lies in a folder below its class folder."""
        return len(self._folders(name)) > 1 + self.has_splits and not self.place(name)[2]

    def class_of_train(self, name: str) -> str:
        """Return the train class of a file's folder, or ""."""
        if self._inner or name[: self._start].rstrip("/") != name[: max(self._start - 1, 0)]:
            return ""
        split, label, _ = self.place(name)
        return label if split == "train" else ""

    def origins(self) -> dict[str, str]:
        if self._inner:
            return {split: f"CLASS/{split}/" for split in ("train", "val", "test")}
        of: dict[str, list[str]] = {}
        for folder, split in self._splits.items():
            of.setdefault(split, []).append(f"{escape(folder)}/")
        return {split: " and ".join(folders) for split, folders in of.items()}


def _single_top(names: Iterable[str]) -> str:
    """Return the folder of all class or split folders, if it is not the top one: "pets" for pets/cat/1.png."""
    rows = [name.split("/")[:-1] for name in names]
    levels = takewhile(lambda level: len(set(level)) == 1 and not split_of(level[0]), zip(*rows, strict=False))
    common = [level[0] for level in levels]
    return "/".join(common) if all(len(row) > len(common) for row in rows) else ""


def _leading_splits(rows: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return top folder -> split if train with class folders is among them, or all are splits."""
    holding_folders = {row[0] for row in rows if len(row) > 1}
    folders = sorted({row[0] for row in rows if row})
    if folders and all(folder in holding_folders and split_in(folder) for folder in folders):
        return {folder: split_in(folder) for folder in folders}
    if folders and not holding_folders and _are_splits(folders):
        return {folder: split_of(folder) for folder in folders}
    splits = {folder: split_of(folder) for folder in folders if split_of(folder)}
    return splits if any(splits.get(folder) == "train" for folder in holding_folders) else {}


def _are_splits(folders: Sequence[str]) -> bool:
    """Return whether folders without class folders are distinct splits including train, not classes."""
    found = {split_of(folder) for folder in folders}
    return "train" in found and "" not in found and len(found) == len(folders)


def _has_inner_splits(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the folders are like CLASS/train/ and CLASS/test/."""
    words = {split_of(row[1]) if len(row) > 1 else "" for row in rows}
    return "" not in words and "train" in words and len(words) > 1


def _without_classes(outside: Mapping[str, Sequence[str]], others: Sequence[str]) -> str:
    if tables := [name for name in others if name.lower().endswith(_TABLES)]:
        return f"holds {escape(tables[0])} but no class folders; unpack it: tables are read from folders"
    if not outside:
        return "holds no images"
    why, names = next(iter(outside.items()))
    return f"{why}: {len(names):,} images; make one folder per class, or write their classes into labels.csv"


def _ending(name: str) -> str:
    return escape(splitext(name)[1] or "no ending", 20)
