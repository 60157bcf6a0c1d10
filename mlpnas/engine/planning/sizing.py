"""How trials are trained and what each of them takes, found out on the device that trains them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

import torch

from mlpnas import datasets
from mlpnas.spec import ArchSpec
from mlpnas.training import auto, memory
from mlpnas.training.recipe import Recipe
from mlpnas.training.speed import device_name
from mlpnas.units import show


@dataclass(frozen=True)
class Wanted:
    """What a search is asked to train.

    Attributes:
        specs: architectures like those that will come.
        recipe: None: to be chosen.
        workers: trials at once, as far as it is known.
        sharers: most trials that may share a GPU; 1: none does, and nothing is measured.
        rungs: epochs after which most trainings stop, then those of a whole one; none: every one is whole.
    """

    specs: Sequence[ArchSpec]
    data: datasets.DataRef
    recipe: Recipe | None
    device: str
    trials: int
    workers: int
    sharers: int = 1
    rungs: Sequence[int] = ()


@dataclass(frozen=True)
class Size:
    """The recipe, the share of a GPU and the expected seconds of each trial, the device's name, and why.

    Attributes:
        image: (height, width) that no network of the search exceeds.
    """

    recipe: Recipe
    image: tuple[int, int]
    share: float
    seconds: float
    device: str
    notes: tuple[str, ...]


def size(wanted: Wanted) -> Size:
    """Runs where trials will, be that this machine or another one.

    Raises:
        DataError: data that cannot be had there. ShapeError: an architecture that fits no input size.
    """
    about, notes = datasets.survey(wanted.data), list[str]()
    recipe = wanted.recipe
    if recipe is None:
        recipe, notes = auto.choose(wanted.specs, about, wanted.device, wanted.workers, wanted.trials, wanted.rungs)
    networks = [recipe.network(spec, about) for spec in wanted.specs]
    image = max(net.image[0] for net in networks), max(net.image[1] for net in networks)
    share = 0.0
    if torch.device(wanted.device).type == "cuda":
        count, why = _sharers(wanted, recipe, networks, image)
        share, notes = memory.share(count), [*notes, *why]
    seconds = auto.expected_seconds(recipe, wanted.specs, about, wanted.device)
    return Size(recipe, image, share, seconds, device_name(wanted.device), tuple(notes))


def _sharers(
    wanted: Wanted, recipe: Recipe, networks: Sequence[ArchSpec], image: tuple[int, int]
) -> tuple[int, list[str]]:
    if wanted.sharers == 1:
        return 1, []
    data = datasets.load(replace(wanted.data, size=image))
    needs = memory.needed(memory.heaviest(networks, recipe.batch_size), recipe, data, wanted.device)
    there = memory.whole(wanted.device)
    count = memory.sharers(needs, there, wanted.sharers)
    return count, [_explained(count, needs, there, recipe.batch_size)]


def _explained(count: int, needs: float, there: float, batch: int) -> str:
    if needs == inf:
        return (
            f"a GPU for each trial: the heaviest candidate does not fit {show(there, 'bytes')} in batches of {batch}; "
            "trials that do not are tried with half of it, and then fail: take a smaller batch_size or input_size"
        )
    who = f"{count} trials share a GPU" if count > 1 else "a GPU for each trial"
    return f"{who}: the heaviest candidate needs {show(needs, 'bytes')} of {show(there, 'bytes')}"
