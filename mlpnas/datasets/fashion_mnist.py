"""70,000 grey images of 28x28 pixels, 10 kinds of clothing (arXiv:1708.07747)."""

from mlpnas.datasets import Content
from mlpnas.datasets._torchvision import content_of


class FashionMnist:
    needs_path = False
    flip = True

    def __init__(self, path: str = "") -> None:
        self.path = path

    def read(self, image_size: int) -> Content:
        from torchvision.datasets import FashionMNIST

        return content_of(FashionMNIST, "fashion_mnist", self.path)
