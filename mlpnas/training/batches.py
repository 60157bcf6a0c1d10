"""Batches of images with a target each, from a data set in memory."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from math import ceil

import torch
from torch import Generator, Tensor

from mlpnas.datasets import Dataset, memory_limit
from mlpnas.training.augmentation import normalise, random_crop, random_flip, resize
from mlpnas.training.recipe import Recipe

_VAL_BATCH = 256
_SAMPLE_SHARE = 1 / 8  # of an epoch's images: forward alone, these take 1/24 of its time
_SAMPLE_BATCHES = 4  # at most


class ImageBatches:
    """Batches of (images float32 (B, C, *size), targets (B, ...)) on a device; see training.task.Batches.

    All random numbers come from the CPU's generator, so that a GPU sees the same batches.
    """

    def __init__(self, data: Dataset, recipe: Recipe, size: tuple[int, int], device: str) -> None:
        self.data, self.recipe, self.size, self.device = data, recipe, size, device
        self.pixels, self.targets = _on_device(data, size if _can_shrink(data, size) else data.image, device)
        self.padding = _padding(recipe.crop_padding, self.pixels.shape[2:], data.image)
        self.train_indices = data.train[: recipe.samples]
        self.mean, self.std = (torch.tensor(values, device=device)[:, None, None] for values in (data.mean, data.std))

    @property
    def has_mirrored(self) -> bool:
        """True if half of the train images are mirrored."""
        return self.recipe.flip == "yes" or (self.recipe.flip == "auto" and self.data.flip)

    @property
    def steps(self) -> int:
        """Train batches in an epoch; a last one that is not full is left out unless it is the only one."""
        return max(len(self.train_indices) // self.recipe.batch_size, 1)

    def train(self, generator: Generator, skip: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of an epoch in a new order, cropped and flipped, without the first `skip`.

        Those are made all the same, so that the others are equal to those without skipping.
        """
        return islice(self._epoch(generator), skip, None)

    def _epoch(self, generator: Generator) -> Iterator[tuple[Tensor, Tensor]]:
        order = self.train_indices[torch.randperm(len(self.train_indices), generator=generator)]
        for indices in order.split(self.recipe.batch_size)[: self.steps]:
            images, targets = self._pick(indices)
            images = random_crop(images, self.padding, generator)
            if self.has_mirrored:
                images = random_flip(images, generator)
            yield self._finish(images), targets

    def sample(self) -> Iterator[Tensor]:
        """Yield some train images as they are, neither cropped nor mirrored, the same ones each time."""
        count = int(len(self.train_indices) * _SAMPLE_SHARE) // _VAL_BATCH
        for indices in self.train_indices.split(_VAL_BATCH)[: min(max(count, 1), _SAMPLE_BATCHES)]:
            yield self._finish(self._pick(indices)[0])

    def val(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the whole validation part, in order."""
        return self._plain(self.data.val)

    def test(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the whole test part, in order."""
        return self._plain(self.data.test)

    def _plain(self, part: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        for indices in part.split(_VAL_BATCH):
            images, targets = self._pick(indices)
            yield self._finish(images), targets

    def _pick(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        indices = indices.to(self.pixels.device)
        return self.pixels[indices].to(self.device, non_blocking=True), self.targets[indices.to(self.targets.device)]

    def _finish(self, images: Tensor) -> Tensor:
        return resize(normalise(images, self.mean, self.std), self.size)


def _padding(crop_padding: float, size: Sequence[int], stored: tuple[int, int]) -> int:
    """Return the pixels at `size` (height, width) that a crop may be off; see Recipe.crop_padding."""
    if crop_padding >= 1:
        return ceil(crop_padding * size[0] / stored[0])
    return max(int(crop_padding * min(size)), 1) if crop_padding else 0


def _can_shrink(data: Dataset, size: tuple[int, int]) -> bool:
    """Return whether images larger than the network's input can be resized once instead of in every epoch."""
    needed = len(data.targets) * data.channels * size[0] * size[1]
    return size[0] < data.image[0] and size[1] < data.image[1] and needed <= memory_limit()


@lru_cache(maxsize=1)
def _on_device(data: Dataset, size: tuple[int, int], device: str) -> tuple[Tensor, Tensor]:
    """Return pixels at `size` and targets; they move to the device once where they are few enough to stay there."""
    pixels = data.pixels
    if size != data.image:
        pixels = torch.cat([_bytes(resize(some.float(), size)) for some in pixels.split(_VAL_BATCH)])
    return pixels if pixels.nbytes > memory_limit() else pixels.to(device), data.targets.to(device)


def clear_device_cache() -> None:
    """Free the images that stay on a device."""
    _on_device.cache_clear()


def _bytes(images: Tensor) -> Tensor:
    return images.round_().clamp_(0, 255).to(torch.uint8)
