"""The contract of every task, and of the sources and heads that name tasks."""

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite
from typing import Any

import pytest
import torch

from mlpnas.datasets import Dataset, load, resolve, tasks_of
from mlpnas.nets.network import build
from mlpnas.objectives import describe
from mlpnas.plugins import find, names
from mlpnas.spec import ArchSpec, Layer, Stage, Stem
from mlpnas.tasks import task_of
from mlpnas.training.loop import Training, evaluate
from mlpnas.training.recipe import Recipe
from mlpnas.training.task import Batch, Task, fit_to_data
from tests.support.plugged_in import plugged_in
from tests.support.pyramid_head import Pyramid

TASKS = names("tasks")
DATA = {"classify": "digits"}  # a data set of each task that is there without a download
SPEC = ArchSpec((Stage(16, 1, Layer("token_mlp"), 2),), Stem(2), 8)
RECIPE = Recipe(epochs=1, samples=96, batch_size=32, warmup_epochs=0)


@pytest.fixture(params=TASKS)
def task(request: pytest.FixtureRequest) -> Task:
    return find("tasks", request.param)()


@pytest.fixture
def data(task: Task) -> Dataset:
    return load(resolve(DATA[task.name]))


def train_batches(task: Task, data: Dataset, skip: int = 0) -> list[Batch]:
    batches = task.batches(data, replace(RECIPE, crop_padding=0.25, flip="yes"), (8, 8), "cpu")
    return list(batches.train(torch.Generator().manual_seed(3), skip))


def same(one: Any, other: Any) -> bool:
    return all(torch.equal(left, right) for left, right in zip(one, other, strict=True))


def test_a_task_has_the_name_of_its_file() -> None:
    assert [find("tasks", name).name for name in TASKS] == list(TASKS)


def test_its_metrics_are_objectives_of_it(task: Task) -> None:
    assert task.metrics
    for name in task.metrics:
        assert describe(name).needs_training
        assert task.name in (describe(name).tasks or [task.name])


def test_its_evaluation_measures_every_metric(task: Task, data: Dataset) -> None:
    network = build(fit_to_data(SPEC, task, data))
    values = evaluate(network, task, task.batches(data, RECIPE, (8, 8), "cpu").val(), "fp32")
    assert all(isfinite(value) for value in values.values())
    wanted = {describe(name).column for name in names("objectives") if task.name in describe(name).tasks} - {""}
    assert {"val_loss", *wanted} <= set(values)


def test_its_head_is_one_that_it_can_train(task: Task) -> None:
    assert task.name in find("heads", task.head.name).tasks


def test_a_head_of_the_task_stays(task: Task, data: Dataset) -> None:
    class Other(Pyramid):
        tasks = ("something else",)

    with plugged_in("heads", {"pyramid": Pyramid, "other": Other}):
        assert fit_to_data(replace(SPEC, head=Layer("pyramid")), task, data).head == Layer("pyramid")
        assert fit_to_data(replace(SPEC, head=Layer("other")), task, data).head == task.head


def test_equal_seeds_give_equal_batches(task: Task, data: Dataset) -> None:
    one, other = train_batches(task, data), train_batches(task, data)
    assert len(one) == task.batches(data, RECIPE, (8, 8), "cpu").steps == 3
    assert all(same(left, right) for left, right in zip(one, other, strict=True))


def test_what_follows_skipped_batches_is_the_same(task: Task, data: Dataset) -> None:
    whole, rest = train_batches(task, data), train_batches(task, data, skip=2)
    assert len(rest) == 1
    assert same(rest[0], whole[2])


def test_a_loss_is_a_sum_over_inputs(task: Task, data: Dataset) -> None:
    network = build(fit_to_data(SPEC, task, data)).eval()
    inputs, targets = train_batches(task, data)[0]
    with torch.no_grad():
        parts = [task.loss(network, inputs[part], targets[part], RECIPE) for part in (slice(0, 20), slice(20, None))]
        assert float(sum(parts)) == pytest.approx(float(task.loss(network, inputs, targets, RECIPE)), rel=1e-5)


def test_an_example_is_like_a_batch(task: Task, data: Dataset) -> None:
    spec = fit_to_data(SPEC, task, data)
    inputs, targets = task.example(spec, 5, "cpu")
    assert len(inputs) == len(targets) == 5
    loss = task.loss(build(spec), inputs, targets, RECIPE)
    assert loss.shape == ()
    assert isfinite(float(loss.detach()))


def test_training_lowers_the_loss(task: Task, data: Dataset) -> None:
    torch.manual_seed(0)
    network = build(fit_to_data(SPEC, task, data))
    recipe = replace(RECIPE, epochs=4, samples=None, learning_rate=5e-3)
    rows = list(Training(network, task, data, recipe, size=(8, 8)).run())
    assert rows[-1].values["val_loss"] < rows[0].values["val_loss"]


@pytest.mark.parametrize("name", names("datasets"))
def test_sources_name_tasks_that_exist(name: str) -> None:
    tasks = getattr(find("datasets", name), "tasks", ("classify",))
    assert set(tasks) <= set(TASKS)


def test_data_serve_classification_unless_they_say_otherwise() -> None:
    assert tasks_of(resolve("digits")) == ("classify",)
    assert task_of(resolve("digits")).name == "classify"


class Halves:
    """Inputs and targets as lists, as detection has them: the loop only slices them and takes their length."""

    steps = 2

    def __init__(self, data: Dataset) -> None:
        self.data = data

    def train(self, generator: torch.Generator, skip: int = 0) -> Iterator[Batch]:
        for start in range(skip, self.steps):
            yield self._part(8 * start, 8 * start + 8)

    def sample(self) -> Iterator[Any]:
        yield self._part(0, 8)[0]

    def val(self) -> Iterator[Batch]:
        yield self._part(0, 8)

    test = val

    def _part(self, start: int, stop: int) -> Batch:
        images = [pixels.float() / 255 for pixels in self.data.pixels[start:stop]]
        return images, [{"filled": image.mean()} for image in images]


class Fill:
    """A task without classes: predict the mean pixel of an image."""

    name = "fill"
    metrics = ("loss",)
    head = Layer("classifier")

    def outputs(self, data: Any) -> int:
        return 1

    def batches(self, data: Dataset, recipe: Recipe, size: tuple[int, int], device: str) -> Halves:
        return Halves(data)

    def example(self, spec: ArchSpec, count: int, device: str) -> Batch:
        return [torch.zeros(1, 8, 8)] * count, [{"filled": torch.zeros(())}] * count

    def loss(self, network: Any, inputs: Any, targets: Any, recipe: Recipe) -> torch.Tensor:
        filled = torch.stack([target["filled"] for target in targets])
        return (network(torch.stack(inputs)).squeeze(1).sigmoid() - filled).square().sum()

    def evaluate(self, network: Any, batches: Iterator[Batch]) -> dict[str, float]:
        losses = [float(self.loss(network, *batch, RECIPE)) / len(batch[0]) for batch in batches]
        return {"val_loss": losses[0], "fill_error": losses[0] ** 0.5}


def test_the_loop_trains_a_task_without_classes() -> None:
    data = load(resolve("digits"))
    torch.manual_seed(0)
    network = build(fit_to_data(SPEC, Fill(), data))
    rows = list(Training(network, Fill(), data, replace(RECIPE, epochs=3), size=(8, 8), micro_batch=3).run())
    assert set(rows[0].values) == {"val_loss", "fill_error"}
    assert rows[-1].values["val_loss"] < rows[0].values["val_loss"]
