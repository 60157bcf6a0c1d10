"""70,000 grey images of 28x28 pixels, 10 kinds of clothing (arXiv:1708.07747)."""

from mlpnas.datasets import DataRef
from mlpnas.datasets._listing import Listing
from mlpnas.datasets._torchvision import listing_of


class FashionMnist:
    needs_path = False
    flip = True

    def __init__(self, ref: DataRef) -> None:
        self.path = ref.path

    def listing(self) -> Listing:
        from torchvision.datasets import FashionMNIST

        return listing_of(FashionMNIST, "fashion_mnist", self.path)
