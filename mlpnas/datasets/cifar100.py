"""60,000 colour images of 32x32 pixels in 100 classes (Krizhevsky 2009)."""

from mlpnas.datasets import DataRef
from mlpnas.datasets._listing import Listing
from mlpnas.datasets._torchvision import listing_of


class Cifar100:
    needs_path = False
    flip = True

    def __init__(self, ref: DataRef) -> None:
        self.path = ref.path

    def listing(self) -> Listing:
        from torchvision.datasets import CIFAR100

        return listing_of(CIFAR100, "cifar100", self.path)
