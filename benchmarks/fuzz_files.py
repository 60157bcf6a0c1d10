"""The borders where files enter: parts, training states, released weights, data sets."""

import io
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq
import torch
from forms import FORMS, Asked, Sample
from fuzz_border import Border
from fuzz_mutate import in_bytes, in_json, in_words
from safetensors.torch import save

from mlpnas import datasets
from mlpnas.checkpoints import load_checkpoint
from mlpnas.errors import RunError
from mlpnas.nets.network import build
from mlpnas.run import Run
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.tasks.classify import Classify
from mlpnas.training import state as training_state
from mlpnas.training.loop import Training
from mlpnas.training.recipe import Recipe

for _module in ("forms_archives", "forms_folders", "forms_images", "forms_tables"):
    import_module(_module)  # registers its forms

File = tuple[str, bytes]  # its name, relative to the border's folder, and its content


def in_file(rng: Random, data: File, others: Sequence[File]) -> File:
    """Damage the content of a file; text as text."""
    name, content = data
    if name.endswith((".csv", ".jsonl", ".json")) and rng.random() < 0.7:
        damaged = rng.choice((in_words, in_json))(rng, content.decode("utf-8", "surrogateescape"), ["train,cat\n"])
        return name, damaged.encode("utf-8", "surrogatepass")
    return name, in_bytes(rng, content, [other for _, other in others])


def _parts(folder: Path) -> Sequence[File]:
    """Return parts as a search writes them, with a digest, and as an earlier version did."""
    from tests.support.fake_runs import quick

    run = quick(folder / "run")
    found = []
    for kind in ("trials", "epochs"):
        path = next((run.path / kind).glob("*.parquet"))
        out = io.BytesIO()
        pq.write_table(pq.read_table(path).replace_schema_metadata(None), out)
        found += [(f"{kind}/{path.name}", path.read_bytes()), (f"{kind}/{path.name}", out.getvalue())]
    return found


def _enter_part(file: File, folder: Path) -> None:
    name, content = file
    path = folder / "run" / name
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        run = Run(folder / "run")
        _look_at(run)
        if aside := run.set_aside():
            raise RunError("; ".join(aside))
    finally:
        path.write_bytes(before)


def _look_at(run: Run) -> None:
    for record in run.front():
        run.spec(record)
    run.hypervolume()
    run.store.curves()


_SPEC = ArchSpec((Stage(8, 1, Layer("token_mlp"), 2),), Stem(4), 8, 1, 10)
_RECIPE = Recipe(epochs=3, samples=64, batch_size=32, warmup_epochs=0.5, ema_decay=0.9)


@cache
def _digits() -> datasets.Dataset:
    return datasets.load(datasets.resolve("digits"))


def _training() -> Training:
    torch.manual_seed(0)
    return Training(build(_SPEC), Classify(), _digits(), _RECIPE, size=(8, 8))


def _states(folder: Path) -> Sequence[File]:
    """Return training states with a digest, without one, and complete ones with wrong content."""
    training = _training()
    list(training.run(until=1))
    state = dict(training.state())
    wrong = [{**state, "epoch": 10**30}, {**state, "epoch": None}, dict(list(state.items())[1:]), [state], {}, 3]
    wrong += [{name: _shrunk(value) for name, value in state.items()}]
    contents = [training_state.dumps(state), *map(_saved, [state, state, state, *wrong])]
    return [("state.pt", content) for content in contents]


def _shrunk(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shrunk(item) for name, item in value.items()}
    return value[:1] * float("nan") if isinstance(value, torch.Tensor) and value.ndim else value


def _saved(value: Any) -> bytes:
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


def _enter_state(file: File, folder: Path) -> None:
    path = folder / "state.pt"
    path.write_bytes(file[1])
    try:
        training_state.restore(_training(), str(path), until=3)
    except training_state.Unusable as error:  # the trial starts again and says why
        raise RunError(str(error)) from None


def _weights(folder: Path) -> Sequence[File]:
    state = dict(build(_SPEC).state_dict())
    with io.BytesIO() as out:
        torch.save(state, out, _use_new_zipfile_serialization=False)
        old = out.getvalue()
    saved, wrapped = _saved(state), _saved({"model": state, "epoch": 3})
    return [("w.safetensors", save(state)), ("w.pth", saved), ("w.pth", wrapped), ("w.pth", old)]


def _enter_weights(file: File, folder: Path) -> None:
    name, content = file
    path = folder / name
    path.write_bytes(content)
    load_checkpoint(_SPEC, path)


_FORMS = (
    "folder: CLASS/*.jpg",
    "images: .jfif, .JPE, .TIF, .avif, .webp, .bmp, .gif, .pgm",
    "images: of 16 bits",
    "images: transparent, with a palette, CMYK, 1 bit",
    "images: turned by EXIF",
    "parquet: train.parquet and test.parquet, image and label",
    "parquet: ClassLabel with names that are not used",
    "arrow: saved by datasets.save_to_disk",
    "csv: labels.csv with file names and classes, images in images/",
    "jsonl: metadata.jsonl",
    "zip: CLASS/*.jpg",
    "tar: WebDataset, KEY.jpg and KEY.cls",
    "tar.gz: CLASS/*.jpg",
    "npz: x_train, y_train, x_test, y_test",
    "npz: floats from 0 to 1, (N, C, H, W), one-hot labels",
)
_ASKED: dict[str, Asked] = {}


def _data(folder: Path) -> Sequence[File]:
    from tests.support.image_files import encoded

    samples = [Sample(number % 3, number, encoded(number % 3, "jpeg", seed=number)) for number in range(24)]
    for number, name in enumerate(_FORMS):
        place = folder / str(number)
        place.mkdir()
        asked = FORMS[name](place, samples)
        _ASKED[str(number)] = asked if isinstance(asked, Asked) else Asked(asked)
    return list(_files(folder))


def _files(folder: Path) -> Iterator[File]:
    """Yield the same number of files of each form."""
    for number in range(len(_FORMS)):
        files = sorted(path for path in (folder / str(number)).rglob("*") if path.is_file())
        for path in files[:: max(len(files) // 4, 1)][:4]:
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def _enter_data(file: File, folder: Path) -> None:
    name, content = file
    before, asked = (folder / name).read_bytes(), _ASKED[name.partition("/")[0]]
    (folder / name).write_bytes(content)
    try:
        ref = datasets.resolve(str(asked.data), skip_bad=len(content) % 2 == 0, **asked.options)
        ref = replace(ref, size=asked.size)
        datasets.survey(ref)
        datasets.load(ref)
    finally:
        datasets.load.cache_clear()
        (folder / name).write_bytes(before)
        if len(content) % 50 == 0:
            shutil.rmtree(folder.parent / "cache", ignore_errors=True)


BORDERS = (
    Border("part", 0.05, _parts, _enter_part, (in_file,)),
    Border("training state", 0.03, _states, _enter_state, (in_file,)),
    Border("weights", 0.03, _weights, _enter_weights, (in_file,)),
    Border("data", 0.04, _data, _enter_data, (in_file,)),
)
