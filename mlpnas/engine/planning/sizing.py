"""The plan of trials: their recipe and what each of them takes, measured on the device that trains them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

import torch

from mlpnas import datasets
from mlpnas.spec import ArchSpec
from mlpnas.tasks import task_of
from mlpnas.training import auto, memory
from mlpnas.training.recipe import Recipe
from mlpnas.training.speed import device_name
from mlpnas.training.task import Task, fit_to_data
from mlpnas.units import show


@dataclass(frozen=True)
class SizingRequest:
    """The trials to plan.

    Attributes:
        specs: architectures like those that will be tried.
        recipe: None: to be chosen.
        workers: trials at once, as far as that is known.
        sharers: most trials that may share a GPU; 1: none does, and nothing is measured.
        rungs: epochs after which most trainings stop, then those of a full training; none: every training is full.
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
class TrialPlan:
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


def plan_trials(request: SizingRequest) -> TrialPlan:
    """Measure trials and plan them; to be called on the machine where they will run.

    Raises:
        DataError: that machine cannot read the data. ShapeError: an architecture fits no input size.
    """
    about, task, notes = datasets.survey(request.data), task_of(request.data), list[str]()
    recipe = request.recipe
    if recipe is None:
        recipe, notes = auto.choose(
            request.specs, task, about, request.device, request.workers, request.trials, request.rungs
        )
    networks = [recipe.network(fit_to_data(spec, task, about)) for spec in request.specs]
    image = max(net.image[0] for net in networks), max(net.image[1] for net in networks)
    share = 0.0
    if torch.device(request.device).type == "cuda":
        count, why = _sharers(request, task, recipe, networks, image)
        share, notes = memory.share(count), [*notes, *why]
    seconds = auto.expected_seconds(recipe, request.specs, task, about, request.device)
    return TrialPlan(recipe, image, share, seconds, device_name(request.device), tuple(notes))


def to_last_rung(plan: TrialPlan, rungs: tuple[int, ...]) -> TrialPlan:
    """Return the plan with the recipe up to the last rung, and the seconds up to the first one.

    A warm-up longer than the recipe keeps its share of the epochs.
    """
    recipe, epochs = plan.recipe, rungs[-1]
    warmup = min(recipe.warmup_epochs, recipe.warmup_epochs / recipe.epochs * epochs)
    longer = replace(recipe, epochs=epochs, warmup_epochs=warmup)
    return replace(plan, recipe=longer, seconds=plan.seconds / recipe.epochs * rungs[0])


def _sharers(
    request: SizingRequest, task: Task, recipe: Recipe, networks: Sequence[ArchSpec], image: tuple[int, int]
) -> tuple[int, list[str]]:
    if request.sharers == 1:
        return 1, []
    data = datasets.load(replace(request.data, size=image))
    needs = memory.training_bytes(memory.heaviest(networks, recipe.batch_size), task, recipe, data, request.device)
    there = memory.total_bytes(request.device)
    count = memory.trials_per_gpu(needs, there, request.sharers)
    return count, [_explain(count, needs, there, recipe.batch_size)]


def _explain(count: int, needs: float, there: float, batch: int) -> str:
    if needs == inf:
        return (
            f"a GPU for each trial: the heaviest architecture does not fit {show(there, 'bytes')} in batches of "
            f"{batch}; trials that do not are tried with half of it, and then fail: take a smaller batch_size or "
            "input_size"
        )
    sharing = f"{count} trials share a GPU" if count > 1 else "a GPU for each trial"
    return f"{sharing}: the heaviest architecture needs {show(needs, 'bytes')} of {show(there, 'bytes')}"
