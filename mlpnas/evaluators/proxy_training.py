"""Judges a candidate by training its proxy for a short while."""

import gc
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from errno import ENOENT
from math import ceil, inf
from pathlib import Path
from time import monotonic, sleep

import torch
from safetensors.torch import save
from torch import nn

from mlpnas.datasets import DataRef, Dataset, load
from mlpnas.errors import DataError, MissingPackage, RecipeError
from mlpnas.evaluators._failures import outcome_of
from mlpnas.job import TIME_LIMIT, Job, Note, Outcome, Step, Waiting
from mlpnas.nets.network import build
from mlpnas.objectives import Candidate, describe, measure
from mlpnas.plugins import find
from mlpnas.record import EpochRow
from mlpnas.remote import is_remote, retry_writing
from mlpnas.spec import ArchSpec
from mlpnas.training import checkpoint
from mlpnas.training.loop import TimeIsUp, Training
from mlpnas.training.recipe import Recipe
from mlpnas.training.repeatable import repeatable
from mlpnas.training.speed import device_name

_FOR_EVERY_CANDIDATE = (DataError, MissingPackage, RecipeError)
_LOOKS_FOR_ROOM = 3.0  # seconds between two, where the disk is full


class ProxyTraining:
    """See job.Evaluator."""

    def prepare(self, job: Job) -> None:
        load(DataRef.from_json(job.data))

    def run(self, job: Job) -> Generator[Step, None, None]:
        """Epochs, then the outcome; where memory runs out, once more with half the micro-batch.

        Raises:
            DataError, MissingPackage, RecipeError: what no other candidate would survive either.
        """
        recipe, data = Recipe.from_json(job.recipe), load(DataRef.from_json(job.data))
        start, epochs = monotonic(), 0
        outcome = Outcome("failed")
        for micro_batch in (recipe.batch_size, ceil(recipe.batch_size / 2)):
            steps = _attempt(job, recipe, data, micro_batch, start)
            for step in repeatable(steps, job.threads, job.device):
                if isinstance(step, Outcome):
                    outcome = step
                elif not isinstance(step, EpochRow):
                    yield step
                elif step.epoch > epochs:
                    epochs = step.epoch
                    yield step
            if outcome.status != "out_of_memory":
                break
            _free_memory()
        yield replace(outcome, epochs=epochs, seconds=monotonic() - start, device=device_name(job.device))


def _attempt(job: Job, recipe: Recipe, data: Dataset, micro_batch: int, start: float) -> Iterator[Step]:
    """One training; what goes wrong in it is an outcome."""
    epochs = 0
    try:
        for step in _judged(job, recipe, data, micro_batch, start):
            epochs = step.epoch if isinstance(step, EpochRow) else epochs
            yield step
        return
    except _FOR_EVERY_CANDIDATE:
        raise
    except TimeIsUp:
        count = f"{epochs} epoch" + "s" * (epochs != 1)
        outcome = Outcome("failed", error=f"{TIME_LIMIT} {job.time_limit:g}s reached after {count}")
    except Exception as error:  # whatever a candidate does wrong is a finding about it
        outcome = outcome_of(error)
    yield outcome  # not inside `except`: the error holds on to the network's memory


def _judged(job: Job, recipe: Recipe, data: Dataset, micro_batch: int, start: float) -> Iterator[Step]:
    candidate = Candidate(ArchSpec.loads(job.spec), job.device, recipe=recipe, data=data, seed=job.seed)
    asked = dict.fromkeys([*job.objectives, *job.limits])
    early = [name for name in asked if not find("objectives", name).needs_training]
    values = measure(early, candidate)
    if reason := _over(values, job.limits):
        yield Outcome("over_budget", values, error=reason)
        return
    if len(early) == len(asked):  # nothing that training could tell
        yield Outcome("done", values)
        return
    proxy = recipe.network(candidate.spec, data)
    training = _training(job, proxy, recipe, data, micro_batch, start)
    if job.restored_from:
        try:
            checkpoint.restore(training, job.restored_from, job.until or recipe.epochs)
        except checkpoint.Unusable as error:
            yield Note(f"begins anew, for its training state {error}")
            training = _training(job, proxy, recipe, data, micro_batch, start)
    for row in training.run(job.until):
        yield row
    late = dict.fromkeys(["top1", "loss", *(name for name in asked if name not in early)])
    values |= measure(late, replace(candidate, row=row))
    if reason := _over(values, job.limits):
        yield Outcome("over_budget", values, error=reason)
        return
    if training.epoch < recipe.epochs:
        yield from _kept(job.checkpoint, checkpoint.dumps(training.state()))
        yield Outcome("stopped", values)
        return
    kept = (yield from _kept(job.weights, _weights(training.network, proxy, recipe))) if job.weights else ""
    yield Outcome("done", values, weights=kept)


def _training(job: Job, proxy: ArchSpec, recipe: Recipe, data: Dataset, micro_batch: int, start: float) -> Training:
    """A new one; the same job has the same initial weights."""
    torch.manual_seed(job.seed)
    return Training(
        build(proxy, recipe.drop_path).to(job.device),
        data,
        recipe,
        size=proxy.image,
        seed=job.seed,
        device=job.device,
        micro_batch=micro_batch,
        deadline=start + (job.time_limit or inf),
        trial=job.trial,
    )


def _over(values: Mapping[str, float], limits: Mapping[str, float]) -> str:
    """Which measured values are above their limit, or ""."""
    above = [(name, values[name], most) for name, most in limits.items() if values.get(name, 0) > most]
    formats = {name: describe(name).format.write for name in limits}
    return "; ".join(f"{name} {formats[name](value)} is above {formats[name](most)}" for name, value, most in above)


def _weights(network: nn.Module, proxy: ArchSpec, recipe: Recipe) -> bytes:
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    return save(tensors, {"spec": proxy.dumps(), "recipe": recipe.dumps()})


def _kept(target: str, content: bytes) -> Generator[Waiting, None, str]:
    """Returns `target`, or "" where it is elsewhere and does not answer: a result is worth more than its weights."""
    if not is_remote(target) and not (run := Path(target).parents[1]).is_dir():
        raise FileNotFoundError(ENOENT, "the run folder is gone", str(run))  # which must not be made anew
    try:
        for reason in retry_writing(target, content):
            yield Waiting(reason)
            sleep(_LOOKS_FOR_ROOM)
    except OSError:
        if not is_remote(target):
            raise
        return ""
    return target


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
