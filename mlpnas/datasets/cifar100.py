"""60,000 colour images of 32x32 pixels in 100 classes (Krizhevsky 2009)."""

from mlpnas.datasets import Content
from mlpnas.datasets._torchvision import content_of


class Cifar100:
    needs_path = False
    flip = True

    def __init__(self, path: str = "") -> None:
        self.path = path

    def read(self, image_size: int) -> Content:
        from torchvision.datasets import CIFAR100

        return content_of(CIFAR100, "cifar100", self.path)
