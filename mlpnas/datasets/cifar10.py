"""60,000 colour images of 32x32 pixels in 10 classes (Krizhevsky 2009)."""

from mlpnas.datasets import DataRef
from mlpnas.datasets._listing import Listing
from mlpnas.datasets._torchvision import listing_of


class Cifar10:
    needs_path = False
    flip = True

    def __init__(self, ref: DataRef) -> None:
        self.path = ref.path

    def listing(self) -> Listing:
        from torchvision.datasets import CIFAR10

        return listing_of(CIFAR10, "cifar10", self.path)
