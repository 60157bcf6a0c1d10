"""From a data set to the batches that a network sees."""

from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Generator, Tensor

from mlpnas.datasets import Dataset, memory_limit
from mlpnas.training.augmentation import normalise, random_crop, random_flip, resize
from mlpnas.training.recipe import Recipe

_VAL_BATCH = 256


class Batches:
    """Batches of (images float32 (B, C, *size), labels (B,)) on a device.

    All random numbers come from the CPU's generator, so that a GPU sees the same batches.
    """

    def __init__(self, data: Dataset, recipe: Recipe, size: tuple[int, int], device: str) -> None:
        self.data, self.recipe, self.size, self.device = data, recipe, size, device
        self.pixels, self.labels = _on_device(data, device)
        self.train_indices = data.train[: recipe.samples]
        self.mean, self.std = (torch.tensor(values, device=device)[:, None, None] for values in (data.mean, data.std))

    @property
    def steps(self) -> int:
        """Batches in an epoch; a last one that is not full is left out unless it is the only one."""
        return max(len(self.train_indices) // self.recipe.batch_size, 1)

    def train(self, generator: Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch in a new order, cropped and flipped."""
        order = self.train_indices[torch.randperm(len(self.train_indices), generator=generator)]
        for indices in order.split(self.recipe.batch_size)[: self.steps]:
            images, labels = self._pick(indices)
            images = random_crop(images, self.recipe.crop_padding, generator)
            if self.recipe.flip and self.data.flip:
                images = random_flip(images, generator)
            yield self._finish(images), labels

    def val(self) -> Iterator[tuple[Tensor, Tensor]]:
        return self._plain(self.data.val)

    def test(self) -> Iterator[tuple[Tensor, Tensor]]:
        return self._plain(self.data.test)

    def _plain(self, part: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        for indices in part.split(_VAL_BATCH):
            images, labels = self._pick(indices)
            yield self._finish(images), labels

    def _pick(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        indices = indices.to(self.pixels.device)
        return self.pixels[indices].to(self.device, non_blocking=True), self.labels[indices.to(self.labels.device)]

    def _finish(self, images: Tensor) -> Tensor:
        return resize(normalise(images, self.mean, self.std), self.size)


@lru_cache(maxsize=1)
def _on_device(data: Dataset, device: str) -> tuple[Tensor, Tensor]:
    """Pixels move to the device once where they are few enough to stay there."""
    pixels = data.pixels if data.pixels.nbytes > memory_limit() else data.pixels.to(device)
    return pixels, data.labels.to(device)
