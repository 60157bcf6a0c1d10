"""Compare images per second on one core, ready for a network: batches on tensors against image folder + PIL.

    python benchmarks/data_loading.py [--data DATA] [--images 4096] [--rounds 5]

Both crop (padding 4), flip and normalise the same JPEG files, in turns; the ratio is the median over rounds. It also
prints the time of decoding the data set into the cache, once per machine.
"""

import argparse
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from mlpnas.datasets import Dataset, load, resolve
from mlpnas.training.batches import ImageBatches
from mlpnas.training.recipe import Recipe

BATCH = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="digits")
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLPNAS_CACHE"] = folder  # an empty cache, so that decoding is measured
        start, cpu = perf_counter(), process_time()
        data = load(resolve(options.data))
        seconds, core = perf_counter() - start, process_time() - cpu
        print(f"{data.name}: {len(data.targets):,} images decoded in {seconds:.1f} s ({core:.1f} core-s)")
        _compare(data, Path(folder) / "files", options.images, options.rounds)


def _compare(data: Dataset, folder: Path, images: int, rounds: int) -> None:
    _write_files(data, folder, images)
    ours = ImageBatches(data, Recipe(batch_size=BATCH, samples=images, crop_padding=4), data.image, "cpu")
    theirs = _image_folder(data, folder)
    generator = torch.Generator().manual_seed(0)
    rates = [(_rate(ours.train(generator)), _rate(theirs)) for _ in range(rounds)]
    print(f"batches on tensors   {median(ours for ours, _ in rates):>9,.0f} images/s/core")
    print(f"image folder + PIL   {median(theirs for _, theirs in rates):>9,.0f} images/s/core")
    print(f"ratio                {median(ours / theirs for ours, theirs in rates):>9.1f}")


def _write_files(data: Dataset, folder: Path, images: int) -> None:
    for index in data.train[:images].tolist():
        pixels = data.pixels[index].permute(1, 2, 0).squeeze(-1).numpy()
        path = folder / str(int(data.targets[index])) / f"{index}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).convert("RGB").save(path, quality=95)


def _image_folder(data: Dataset, folder: Path) -> DataLoader[tuple[torch.Tensor, torch.Tensor]]:
    steps = [transforms.RandomCrop(data.image, padding=4), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    normalise = transforms.Normalize([0.5] * 3, [0.25] * 3)
    return DataLoader(ImageFolder(str(folder), transforms.Compose([*steps, normalise])), BATCH, shuffle=True)


def _rate(batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> float:
    start, count = process_time(), 0
    for images, _ in batches:
        count += len(images)
    return count / (process_time() - start)


if __name__ == "__main__":
    main()
