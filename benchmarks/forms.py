"""Forms of data, each built in a folder from labelled images, and their reading by mlpnas."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlpnas.datasets import Dataset, load, resolve, survey
from mlpnas.errors import MlpnasError

CLASSES = ("cat", "dog", "owl")


@dataclass(frozen=True)
class Sample:
    """An encoded image with its class."""

    label: int
    number: int
    data: bytes
    ending: str = ".jpg"

    @property
    def name(self) -> str:
        return f"{self.number:03d}{self.ending}"

    @property
    def in_class(self) -> str:
        return f"{CLASSES[self.label]}/{self.name}"


@dataclass(frozen=True)
class Asked:
    """The user's text for a form: data and options; and the (height, width) of a search."""

    data: Path | str
    options: Mapping[str, Any] = field(default_factory=dict)
    size: tuple[int, int] | None = None


Build = Callable[[Path, list[Sample]], Asked | Path]
FORMS: dict[str, Build] = {}


def form(name: str) -> Callable[[Build], Build]:
    """Register the function that builds a form in an empty folder."""

    def register(build: Build) -> Build:
        assert name not in FORMS, name
        FORMS[name] = build
        return build

    return register


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def shares(samples: list[Sample]) -> Iterator[tuple[str, list[Sample]]]:
    """Yield train, val and test: 4, 1 and 1 of 6 images of every class."""
    for split, wanted in (("train", (0, 1, 2, 3)), ("val", (4,)), ("test", (5,))):
        yield split, [sample for sample in samples if sample.number % 6 in wanted]


def ask(build: Build, folder: Path, samples: list[Sample]) -> tuple[Dataset | None, str]:
    """Return (the data, or None if refused, and the messages)."""
    made = build(folder, samples)
    asked = made if isinstance(made, Asked) else Asked(made)
    before = Path.cwd()
    os.chdir(folder)
    try:
        ref = replace(resolve(str(asked.data), **asked.options), size=asked.size)
        about = survey(ref)
        data = load(ref)
        assert data.fingerprint == about.fingerprint
        assert {split: len(getattr(data, split)) for split in about.images} == about.images
        assert data.image == about.size
    except MlpnasError as error:
        return None, str(error)
    finally:
        os.chdir(before)
    return data, "\n".join(about.notes)
