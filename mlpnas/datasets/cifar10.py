"""60,000 colour images of 32x32 pixels in 10 classes (Krizhevsky 2009)."""

from mlpnas.datasets import Content
from mlpnas.datasets._torchvision import content_of


class Cifar10:
    needs_path = False
    flip = True

    def __init__(self, path: str = "") -> None:
        self.path = path

    def read(self, image_size: int) -> Content:
        from torchvision.datasets import CIFAR10

        return content_of(CIFAR10, "cifar10", self.path)
