"""From a data set to the batches that a network sees."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import ceil

import torch
from torch import Generator, Tensor

from mlpnas.datasets import Dataset, memory_limit
from mlpnas.training.augmentation import normalise, random_crop, random_flip, resize
from mlpnas.training.recipe import Recipe

_VAL_BATCH = 256
_SAMPLE_SHARE = 1 / 8  # of an epoch's images: forward alone, these take 1/24 of its time
_SAMPLE_BATCHES = 4  # at most


class Batches:
    """Batches of (images float32 (B, C, *size), labels (B,)) on a device.

    All random numbers come from the CPU's generator, so that a GPU sees the same batches.
    """

    def __init__(self, data: Dataset, recipe: Recipe, size: tuple[int, int], device: str) -> None:
        self.data, self.recipe, self.size, self.device = data, recipe, size, device
        self.pixels, self.labels = _on_device(data, size if _can_shrink(data, size) else data.image, device)
        self.padding = _padding(recipe.crop_padding, self.pixels.shape[2:], data.image)
        self.train_indices = data.train[: recipe.samples]
        self.mean, self.std = (torch.tensor(values, device=device)[:, None, None] for values in (data.mean, data.std))

    @property
    def mirrors(self) -> bool:
        """Whether half of the training images are mirrored."""
        return self.recipe.flip == "yes" or (self.recipe.flip == "auto" and self.data.flip)

    @property
    def steps(self) -> int:
        """Batches in an epoch; a last one that is not full is left out unless it is the only one."""
        return max(len(self.train_indices) // self.recipe.batch_size, 1)

    def train(self, generator: Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch in a new order, cropped and flipped."""
        order = self.train_indices[torch.randperm(len(self.train_indices), generator=generator)]
        for indices in order.split(self.recipe.batch_size)[: self.steps]:
            images, labels = self._pick(indices)
            images = random_crop(images, self.padding, generator)
            if self.mirrors:
                images = random_flip(images, generator)
            yield self._finish(images), labels

    def sample(self) -> Iterator[Tensor]:
        """Some training images as they are, neither cropped nor mirrored, the same ones each time."""
        count = int(len(self.train_indices) * _SAMPLE_SHARE) // _VAL_BATCH
        for indices in self.train_indices.split(_VAL_BATCH)[: min(max(count, 1), _SAMPLE_BATCHES)]:
            yield self._finish(self._pick(indices)[0])

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


def _padding(crop_padding: float, size: Sequence[int], stored: tuple[int, int]) -> int:
    """Return the pixels at `size` (height, width) that a crop may be off; see Recipe.crop_padding."""
    if crop_padding >= 1:
        return ceil(crop_padding * size[0] / stored[0])
    return max(int(crop_padding * min(size)), 1) if crop_padding else 0


def _can_shrink(data: Dataset, size: tuple[int, int]) -> bool:
    """Whether images larger than the network's input can be brought to it once, not in every epoch anew."""
    needed = len(data.labels) * data.channels * size[0] * size[1]
    return size[0] < data.image[0] and size[1] < data.image[1] and needed <= memory_limit()


@lru_cache(maxsize=1)
def _on_device(data: Dataset, size: tuple[int, int], device: str) -> tuple[Tensor, Tensor]:
    """Pixels at `size` and labels; they move to the device once where they are few enough to stay there."""
    pixels = data.pixels
    if size != data.image:
        pixels = torch.cat([_bytes(resize(some.float(), size)) for some in pixels.split(_VAL_BATCH)])
    return pixels if pixels.nbytes > memory_limit() else pixels.to(device), data.labels.to(device)


def forget() -> None:
    """Lets go of the images that stay on a device."""
    _on_device.cache_clear()


def _bytes(images: Tensor) -> Tensor:
    return images.round_().clamp_(0, 255).to(torch.uint8)
