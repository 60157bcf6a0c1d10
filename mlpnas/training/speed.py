"""The time that a device takes to train networks: some are timed in both precisions, the others are predicted.

bf16 gains or loses by device, width and size of a network, and networks of equal cost differ by a factor of two. So
what is timed are networks of the search itself, and the prediction is their cost, corrected by how far the same
estimate is off for timed networks of about that cost.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache as remember
from math import inf
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch

from mlpnas import cache
from mlpnas.costs import cost
from mlpnas.nets.network import build
from mlpnas.spec import ArchSpec
from mlpnas.training.recipe import PRECISIONS, Recipe
from mlpnas.training.repeatable import repeatable
from mlpnas.training.step import TrainStep
from mlpnas.training.task import Task

_TIMED = 8  # networks
_ROUNDS = 12  # steps in each precision, at most
_NETWORK_SECONDS = 0.3  # after which no further round begins
_STEP_SECONDS = 0.3  # that a timed step should take at most, by the estimate; larger networks get fewer images
_KEPT = 1_000  # networks in the cache folder
_TRAINING = 3  # MACs of forward and backward over those of forward
_TYPICAL = {"cpu": (2e-11, 1.3e-9, 2e-3), "cuda": (2e-14, 1e-12, 1e-3)}  # seconds per MAC, byte and block


@dataclass(frozen=True)
class Timings:
    """Predicts the seconds of a training step from those of timed networks; with none, from the cost alone.

    Attributes:
        estimates: of the timed networks by `estimate`, rising.
        seconds: measured for each precision, in the same order.
    """

    device: str
    estimates: tuple[float, ...] = ()
    seconds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def step(self, network: ArchSpec, batch: int, precision: str) -> float:
        """Predict the seconds of a training step; without timings, right to within a small factor."""
        rough = estimate(network, batch, self.device)
        if not self.estimates:
            return rough
        known = np.log(self.estimates)
        ratios = np.log(self.seconds[precision]) - known
        return rough * float(np.exp(np.interp(np.log(rough), known, ratios)))


def estimate(network: ArchSpec, batch: int, device: str) -> float:
    """Return the seconds of a training step that are typical of its cost on this kind of device."""
    one, blocks = cost(network), sum(stage.depth for stage in network.stages)
    amounts = batch * _TRAINING * one.macs, batch * one.activation_bytes, blocks
    return float(np.dot(amounts, _TYPICAL.get(torch.device(device).type, _TYPICAL["cuda"])))


def timings(networks: Sequence[ArchSpec], task: Task, batch: int, device: str) -> Timings:
    """Time a few of `networks`, from small to large, in batches of `batch`; takes seconds, and once.

    What was timed is remembered in the cache folder, per device and torch version. A network that cannot be trained is
    left out: its own trial will tell why.

    Raises:
        DataError: the cache folder cannot be made.
    """
    known = _read_cache(device)
    rows = []
    for network in _pick(networks, batch, device):
        images = _images(network, batch, device)
        key = f"{network.key}@{images}"
        if key not in known:
            known[key] = _time_or_none(network, task, images, device)
            _write_cache(device, known)
        if (steps := known[key]) is not None:
            scale = estimate(network, batch, device) / estimate(network, images, device)
            rows.append((network, {precision: scale * seconds for precision, seconds in steps.items()}))
    return _timings(rows, batch, device)


def known_timings(networks: Sequence[ArchSpec], task: Task, batch: int, device: str) -> Timings:
    """Return what `timings` returns if all of it is remembered, and otherwise none; takes no time."""
    known = _read_cache(device)
    keys = [f"{network.key}@{_images(network, batch, device)}" for network in _pick(networks, batch, device)]
    return timings(networks, task, batch, device) if all(key in known for key in keys) else Timings(device)


def _timings(rows: Sequence[tuple[ArchSpec, Mapping[str, float]]], batch: int, device: str) -> Timings:
    return Timings(
        device,
        tuple(estimate(network, batch, device) for network, _ in rows),
        {precision: tuple(steps[precision] for _, steps in rows) for precision in PRECISIONS},
    )


def _pick(networks: Sequence[ArchSpec], batch: int, device: str) -> list[ArchSpec]:
    """Return the networks in the middle of equal parts of all, ordered by their estimates, each once."""
    ordered = sorted(dict.fromkeys(networks), key=lambda network: (estimate(network, batch, device), network.key))
    count = min(_TIMED, len(ordered))
    return [ordered[int((part + 0.5) * len(ordered) / count)] for part in range(count)]


def _images(network: ArchSpec, batch: int, device: str) -> int:
    """Return how many images to time a step with: a batch, or as few as take no longer than they should."""
    images = batch
    while images > 2 and estimate(network, images, device) > _STEP_SECONDS:
        images //= 2
    return images


def _time_or_none(network: ArchSpec, task: Task, images: int, device: str) -> dict[str, float] | None:
    try:
        return next(repeatable((step_seconds(one, task, images, device) for one in [network]), 1, device))
    except Exception:  # whatever is wrong with it is a finding of its trial
        return None


def step_seconds(network: ArchSpec, task: Task, images: int, device: str) -> dict[str, float]:
    """Return the median seconds of a training step in each precision, taken in turns."""
    steps = {
        precision: TrainStep(
            build(network).to(device).train(), task, Recipe(precision=precision, batch_size=images), device
        )
        for precision in PRECISIONS
    }
    inputs, targets = task.example(network, images, device)
    # a CPU shared with other work is as fast as ever, and workers have a core each: count this process alone
    clock = process_time if torch.device(device).type == "cpu" else perf_counter
    seconds: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    start = clock()
    for number in range(_ROUNDS + 1):
        for precision, step in steps.items():
            synchronise(device)
            before = clock()
            step(inputs, targets)
            synchronise(device)
            seconds[precision].append(clock() - before)
        if number > 1 and clock() - start > _NETWORK_SECONDS:
            break
    return {precision: median(times[1:]) for precision, times in seconds.items()}


def synchronise(device: str) -> None:
    """Wait until a GPU has computed what was asked of it."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def _read_cache(device: str) -> dict[str, Any]:
    """Return the seconds in each precision by network and number of images; None for one that cannot be trained."""
    known = cache.read_json(_file(device)) or {}
    steps = known.get("steps")
    if known.get("torch") != torch.__version__ or not isinstance(steps, dict):
        return {}
    return {key: value for key, value in steps.items() if value is None or _are_seconds(value)}


def _are_seconds(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(precision), float) and 0 < value[precision] < inf for precision in PRECISIONS
    )


def _write_cache(device: str, steps: Mapping[str, Any]) -> None:
    kept = dict(list(steps.items())[-_KEPT:])
    with suppress(OSError):  # it is measured again
        cache.write_json(_file(device), {"device": device_name(device), "torch": torch.__version__, "steps": kept})


def _file(device: str) -> Path:
    slug = re.sub(r"\W+", "-", device_name(device)).strip("-").lower()
    return cache.folder("speed") / f"{slug}.json"


@remember
def device_name(device: str) -> str:
    """Return the processor's or GPU's own name."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        info = Path("/proc/cpuinfo").read_text()
    except OSError:
        info = ""
    names = re.findall(r"model name\s*: (.+)", info)
    return names[0] if names else torch.device(device).type
