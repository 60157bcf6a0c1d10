"""The choice of a recipe for a search: the most faithful proxy whose trainings end in time on this device."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, log2
from statistics import mean

import torch

from mlpnas.datasets import Survey
from mlpnas.spec import ArchSpec
from mlpnas.training.recipe import PRECISIONS, Recipe
from mlpnas.training.speed import Timings, device_name, known_timings, timings
from mlpnas.training.task import Task, fit_to_data
from mlpnas.units import duration

_SMALLEST_GRID = 8  # tokens per side after the stem; with fewer, token mixers have nothing to mix
_WIDTH_SCALES = (0.5, 0.25, 0.125)
_NARROWEST = 12  # below, widths that differ are scaled to the same one
_SAMPLES = (20_000, 10_000, 5_000)
_FEWEST_SAMPLES = 1_000
_VAL_STEP = 1 / 3  # forward alone, over a training step
_STEPS = 500  # that a training should have at least, if time allows
_CROP_PADDING = 0.125  # 4 of 32 pixels, 28 of 224
_AUGMENT_FROM = 20  # epochs; in shorter trainings crops and drop path cost accuracy


@dataclass(frozen=True)
class _Aim:
    """The time that a search should take on a kind of device, and its limits on trials."""

    search_seconds: float
    least: float
    most: float
    epochs: tuple[int, int]
    batch_size: int
    more_pixels: float  # input over the images' own size

    def trial_seconds(self, trials: int, workers: int) -> float:
        """Return the seconds that a trial should take."""
        return min(max(self.search_seconds * workers / max(trials, 1), self.least), self.most)


_AIMS = {
    "cpu": _Aim(220, least=15, most=75, epochs=(4, 10), batch_size=64, more_pixels=1),
    "cuda": _Aim(3600, least=60, most=600, epochs=(10, 60), batch_size=256, more_pixels=2),
}


def choose(
    specs: Sequence[ArchSpec],
    task: Task,
    data: Survey,
    device: str,
    workers: int,
    trials: int,
    rungs: Sequence[int] = (),
) -> tuple[Recipe, list[str]]:
    """Choose a recipe for searching among architectures like `specs`, and explain it in lines.

    Full width and input come first; then fewer images, a smaller input, narrower networks, in this order, until the
    mean training of `specs` is predicted to end in a share of the time that a search should take. The prediction rests
    on timed steps of some of them, in the precision that is faster for them; that takes seconds.

    Args:
        rungs: epochs after which most trainings stop, rising, then those of a full training; none: all are full.

    Raises:
        ShapeError: an architecture that fits no input size.
    """
    specs = [fit_to_data(spec, task, data) for spec in specs]
    aim = _AIMS.get(torch.device(device).type, _AIMS["cuda"])
    wanted = aim.trial_seconds(trials, workers)
    most_seconds = wanted / _spent(rungs or aim.epochs[:1])
    recipe, measured = _most_faithful(list(_fidelities(specs, data, aim)), specs, task, data, device, most_seconds)
    seconds = _seconds(recipe, specs, data, measured)
    most = max(aim.epochs[1], _STEPS * recipe.batch_size // data.images["train"])  # small data: more epochs
    *stops, epochs = rungs or [min(max(int(wanted / mean(seconds)), 1), most)]
    recipe = _tune(replace(recipe, epochs=epochs), specs, data)
    spent = _spent([*stops, epochs])
    lines = _explain(recipe, specs, data, device, workers, trials, [spent * each for each in seconds])
    if measured.estimates:
        lines.append(_describe_timings(measured))
    if stops:
        after = " or ".join(map(str, stops))
        lines.append(f"early stopping: most trials end after {after} epochs; the mean is {spent:.2g}")
    return recipe, lines


def _most_faithful(
    fidelities: Sequence[Recipe], specs: Sequence[ArchSpec], task: Task, data: Survey, device: str, most_seconds: float
) -> tuple[Recipe, Timings]:
    """Return the first fidelity whose mean epoch is predicted to take at most `most_seconds`, or the last; and timings.

    A fidelity that is chosen by an estimate, or by the timings of other networks, is timed, and the choice repeated.
    """
    timed: dict[tuple[int | None, float], Timings] = {}
    latest = Timings(device)
    while True:
        for fidelity in fidelities:
            networks = fidelity.input_size, fidelity.width_scale
            measured = timed.get(networks, latest)
            recipe = _fastest(fidelity, specs, data, measured)
            if mean(_seconds(recipe, specs, data, measured)) <= most_seconds:
                break
        if networks in timed:
            return recipe, measured
        latest = timings([recipe.network(spec) for spec in specs], task, recipe.batch_size, device)
        timed[networks] = latest


def _spent(rungs: Sequence[int]) -> float:
    """Return the expected epochs per trial under successive halving: this/next of each rung are promoted."""
    return rungs[0] * (1 + sum(1 - low / high for low, high in pairwise(rungs)))


def expected_seconds(recipe: Recipe, specs: Sequence[ArchSpec], task: Task, data: Survey, device: str) -> float:
    """Predict the mean seconds of training `specs` by a recipe; a rough estimate if no such network was timed yet.

    Raises:
        ShapeError: an architecture that fits no input size.
    """
    specs = [fit_to_data(spec, task, data) for spec in specs]
    networks = [recipe.network(spec) for spec in specs]
    return mean(_seconds(recipe, specs, data, known_timings(networks, task, recipe.batch_size, device)))


def _fidelities(specs: Sequence[ArchSpec], data: Survey, aim: _Aim) -> Iterator[Recipe]:
    """Yield fidelities from the most faithful to the cheapest."""
    count = data.images["train"]
    most, *fewer = [None, *(samples for samples in _SAMPLES if samples < count)]
    batch = min(aim.batch_size, 2 ** max(int(log2(count / 32)), 3))
    first, *smaller = _sizes(specs, data, aim)
    start = Recipe(epochs=1, warmup_epochs=0, batch_size=batch, input_size=first, samples=most)
    yield start
    for samples in fewer:
        start = replace(start, samples=samples)
        yield start
    for size in smaller:
        start = replace(start, input_size=size)
        yield start
    narrowest = min(stage.width for spec in specs for stage in spec.stages)
    for scale in (scale for scale in _WIDTH_SCALES if scale * narrowest >= _NARROWEST):
        start = replace(start, width_scale=scale)
        yield start
    left = min(start.samples or count, count) // 2
    while left >= _FEWEST_SAMPLES:
        yield replace(start, samples=left)
        left //= 2


def _sizes(specs: Sequence[ArchSpec], data: Survey, aim: _Aim) -> list[int | None]:
    """Return input sizes, largest first; None is the declared one. The images fill them without being enlarged much."""
    declared = max(max(spec.image) for spec in specs)
    least = max(min(max(spec.image), _SMALLEST_GRID * spec.stem.patch) for spec in specs)
    most = max(ceil(_largest_filled(specs[0], data) * aim.more_pixels), least)
    step = 32
    sizes = {least, *range(ceil(least / step) * step, most + step, step)}
    allowed = sorted((size for size in sizes if size < declared), reverse=True)
    return [None, *allowed] if most >= declared else list(allowed)


def _largest_filled(spec: ArchSpec, data: Survey) -> float:
    """Return the longer side of the input that the largest images fill without being enlarged."""
    return max(spec.image) * min(stored / side for stored, side in zip(data.largest, spec.image, strict=True))


def _fastest(recipe: Recipe, specs: Sequence[ArchSpec], data: Survey, measured: Timings) -> Recipe:
    """Return the recipe in the precision that takes less time for these networks."""
    both = [replace(recipe, precision=precision) for precision in PRECISIONS]
    return min(both, key=lambda one: mean(_seconds(one, specs, data, measured)))


def _seconds(recipe: Recipe, specs: Sequence[ArchSpec], data: Survey, measured: Timings) -> list[float]:
    """Predict the seconds of each training."""
    count = min(recipe.samples or data.images["train"], data.images["train"])
    steps = max(count // recipe.batch_size, 1) + data.images["val"] / recipe.batch_size * _VAL_STEP
    networks = [recipe.network(spec) for spec in specs]
    return [recipe.epochs * steps * measured.step(net, recipe.batch_size, recipe.precision) for net in networks]


def _tune(recipe: Recipe, specs: Sequence[ArchSpec], data: Survey) -> Recipe:
    """Return the recipe with optimiser and augmentation for the length of the training and the width of networks."""
    long = recipe.epochs >= _AUGMENT_FROM
    return replace(
        recipe,
        learning_rate=_learning_rate([recipe.network(spec) for spec in specs], recipe.batch_size),
        warmup_epochs=1.0 if recipe.epochs > 3 else recipe.epochs / 4,
        crop_padding=_CROP_PADDING if long else 0,
        drop_path=0.1 if long else 0.0,
    )


def _learning_rate(networks: Sequence[ArchSpec], batch_size: int) -> float:
    """Return the rate that was best on small networks: 0.01 at a mean width of 16, 0.005 at 64, in batches of 64."""
    widths = [stage.width for net in networks for stage in net.stages for _ in range(stage.depth)]
    rate = 0.04 * (batch_size / 64 / mean(widths)) ** 0.5
    return float(f"{min(max(rate, 5e-4), 1e-2):.2g}")


def _describe_timings(measured: Timings) -> str:
    of_each = " and ".join(f"{1000 * mean(seconds):.3g} ms in {name}" for name, seconds in measured.seconds.items())
    return f"timed: a step of {len(measured.estimates)} of the networks takes {of_each}"


def _explain(
    recipe: Recipe,
    specs: Sequence[ArchSpec],
    data: Survey,
    device: str,
    workers: int,
    trials: int,
    seconds: Sequence[float],
) -> list[str]:
    size, count = recipe.input_size, min(recipe.samples or data.images["train"], data.images["train"])
    declared = max(max(spec.image) for spec in specs)
    pixels = f"input {size} (declared {declared})" if size else f"input {declared} as declared"
    width = f"widths x {recipe.width_scale:g}" if recipe.width_scale != 1 else "full width"
    each = f"about {duration(mean(seconds))} a trial ({duration(min(seconds))} to {duration(max(seconds))})"
    total = duration(mean(seconds) * ceil(trials / max(workers, 1)))
    return [
        f"proxy: {pixels}, {width}, {recipe.epochs} epochs of {count:,} images (of {data.images['train']:,}), "
        f"{recipe.precision}, batch {recipe.batch_size}",
        f"predicted on {device_name(device)}: {each}; {trials} trials on {workers} workers: {total}",
    ]
