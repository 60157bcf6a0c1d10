"""Evaluation by a short training of a proxy: the architecture at the input size and width that the recipe says."""

import gc
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
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
from mlpnas.plain_text import plural
from mlpnas.plugins import find
from mlpnas.record import EpochRow
from mlpnas.remote import is_remote, retry_writing
from mlpnas.spec import ArchSpec
from mlpnas.tasks import task_of
from mlpnas.training import state as training_state
from mlpnas.training.loop import TimeIsUp, Training
from mlpnas.training.recipe import Recipe
from mlpnas.training.repeatable import repeatable
from mlpnas.training.speed import device_name
from mlpnas.training.task import Task, fit_to_data

_FATAL = (DataError, MissingPackage, RecipeError)
_LOOKS_FOR_ROOM = 3.0  # seconds between two looks for room on a full disk


class ProxyTraining:
    """Trains the proxy that the recipe makes of an architecture, and measures it; see evaluators.Evaluator."""

    def prepare(self, job: Job) -> None:
        load(DataRef.from_json(job.data))

    def run(self, job: Job) -> Generator[Step, None, None]:
        """Train and measure; where memory runs out, try once more with half the micro-batch.

        Raises:
            DataError, MissingPackage, RecipeError: no other job would survive this either.
        """
        ref, recipe = DataRef.from_json(job.data), Recipe.from_json(job.recipe)
        task, data = task_of(ref), load(ref)
        start, epochs = monotonic(), 0
        outcome = Outcome("failed")
        for micro_batch in (recipe.batch_size, ceil(recipe.batch_size / 2)):
            attempt = _Attempt(job, recipe, task, data, micro_batch, start)
            for step in repeatable(attempt.steps(), job.threads, job.device):
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


@dataclass(frozen=True)
class _Attempt:
    """One try of a job, with one size of micro-batches."""

    job: Job
    recipe: Recipe
    task: Task
    data: Dataset
    micro_batch: int
    start: float

    def steps(self) -> Iterator[Step]:
        """Yield the steps of the job; what goes wrong becomes an outcome."""
        epochs = 0
        try:
            for step in self._train_and_measure():
                epochs = step.epoch if isinstance(step, EpochRow) else epochs
                yield step
            return
        except _FATAL:
            raise
        except TimeIsUp:
            outcome = Outcome(
                "failed", error=f"{TIME_LIMIT} {self.job.time_limit:g}s reached after {plural(epochs, 'epoch')}"
            )
        except Exception as error:  # whatever an architecture does wrong is a finding about it
            outcome = outcome_of(error)
        yield outcome  # not inside `except`: the error holds on to the network's memory

    def _train_and_measure(self) -> Iterator[Step]:
        job, recipe, spec = self.job, self.recipe, ArchSpec.loads(self.job.spec)
        candidate = Candidate(spec, job.device, task=self.task, recipe=recipe, data=self.data, seed=job.seed)
        asked = dict.fromkeys([*job.objectives, *job.limits])
        early = [name for name in asked if not find("objectives", name).needs_training]
        values = measure(early, candidate)
        violations = _limit_violations(values, job.limits)
        if violations or len(early) == len(asked):  # in both cases nothing is to be trained
            yield Outcome("over_budget" if violations else "done", values, error=violations)
            return
        proxy = recipe.network(fit_to_data(spec, self.task, self.data))
        training = yield from self._begin(proxy)
        for row in training.run(job.until):
            yield row
        late = dict.fromkeys([*self.task.metrics, *(name for name in asked if name not in early)])
        values |= measure(late, replace(candidate, row=row))
        if violations := _limit_violations(values, job.limits):
            yield Outcome("over_budget", values, error=violations)
        elif training.epoch < recipe.epochs:
            yield from _write_or_wait(job.checkpoint, training_state.dumps(training.state()))
            yield Outcome("stopped", values)
        else:
            weights = ""
            if job.weights:
                weights = yield from _write_or_wait(job.weights, _weights(training.network, proxy, recipe))
            yield Outcome("done", values, weights=weights)

    def _begin(self, proxy: ArchSpec) -> Generator[Note, None, Training]:
        """Return the training of the job, restored from its training state where there is a usable one."""
        job, training = self.job, self._new_training(proxy)
        if job.restored_from:
            try:
                training_state.restore(training, job.restored_from, job.until or self.recipe.epochs)
            except training_state.Unusable as error:
                yield Note(f"begins anew, for its training state {error}")
                return self._new_training(proxy)
        return training

    def _new_training(self, proxy: ArchSpec) -> Training:
        """Return a new training; the same job has the same initial weights."""
        job = self.job
        torch.manual_seed(job.seed)
        return Training(
            build(proxy, self.recipe.drop_path).to(job.device),
            self.task,
            self.data,
            self.recipe,
            size=proxy.image,
            seed=job.seed,
            device=job.device,
            micro_batch=self.micro_batch,
            deadline=self.start + (job.time_limit or inf),
            trial=job.trial,
        )


def _limit_violations(values: Mapping[str, float], limits: Mapping[str, float]) -> str:
    """Return a text that names the measured values above their limit, or ""."""
    above = [(name, values[name], most) for name, most in limits.items() if values.get(name, 0) > most]
    formats = {name: describe(name).format.write for name in limits}
    return "; ".join(f"{name} {formats[name](value)} is above {formats[name](most)}" for name, value, most in above)


def _weights(network: nn.Module, proxy: ArchSpec, recipe: Recipe) -> bytes:
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    return save(tensors, {"spec": proxy.dumps(), "recipe": recipe.dumps()})


def _write_or_wait(target: str, content: bytes) -> Generator[Waiting, None, str]:
    """Write a file, and wait while the disk is full; return `target`, or "" if a remote place does not answer.

    A result is worth more than its weights.
    """
    if not is_remote(target) and not (run := Path(target).parents[1]).is_dir():
        raise FileNotFoundError(ENOENT, "the run folder is gone", str(run))  # it must not be made again
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
