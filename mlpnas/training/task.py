"""The protocol of tasks: data in batches, a loss and an evaluation, for the training loop. See mlpnas/tasks/."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Protocol

from torch import Generator, Tensor, nn

from mlpnas.datasets import Dataset, Survey
from mlpnas.plugins import find
from mlpnas.spec import ArchSpec, Layer
from mlpnas.training.recipe import Recipe

Batch = tuple[Any, Any]  # inputs and targets: tensors or lists with one item per input, which can be sliced


class Batches(Protocol):
    """The data of one training in batches, on its device; equal seeds give equal batches."""

    @property
    def steps(self) -> int:
        """Train batches in an epoch."""
        ...

    def train(self, generator: Generator, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, without the first `skip`; the others are the same as without skipping."""
        ...

    def sample(self) -> Iterator[Any]:
        """Yield inputs of some train images without augmentation, the same ones each time."""
        ...

    def val(self) -> Iterator[Batch]:
        """Yield the whole validation part, in order."""
        ...

    def test(self) -> Iterator[Batch]:
        """Yield the whole test part, in order."""
        ...


class Task(Protocol):
    """A task: what a training minimises and an evaluation measures.

    Attributes:
        name: of its file.
        metrics: objectives that every trial records.
        head: of networks whose own head is of another task.
    """

    name: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    head: ClassVar[Layer]

    def outputs(self, data: Dataset | Survey) -> int:
        """Return the number of outputs of a head: `classes` of an ArchSpec."""
        ...

    def batches(self, data: Dataset, recipe: Recipe, size: tuple[int, int], device: str) -> Batches:
        """Return the data as inputs of `size` (height, width)."""
        ...

    def example(self, spec: ArchSpec, count: int, device: str) -> Batch:
        """Return a batch without data that a training step of `spec` can be timed with."""
        ...

    def loss(self, network: nn.Module, inputs: Any, targets: Any, recipe: Recipe) -> Tensor:
        """Return the sum of the training losses of all inputs, (); the loop calls it under autocast."""
        ...

    def evaluate(self, network: nn.Module, batches: Iterator[Batch]) -> Mapping[str, float]:
        """Return what was measured, by column of the epochs table; `val_loss` is the mean loss.

        The loop calls it in eval mode, under autocast, without gradients.
        """
        ...


def fit_to_data(spec: ArchSpec, task: Task, data: Dataset | Survey) -> ArchSpec:
    """Return `spec` with the channels and outputs of the data, and with a head that the task can train."""
    head = spec.head if task.name in find("heads", spec.head.name).tasks else task.head
    return replace(spec, channels=data.channels, classes=task.outputs(data), head=head)
