"""1,797 handwritten digits of 8x8 pixels from scikit-learn. Almost any network reaches the best top-1: for tests."""

from importlib.metadata import distribution

import numpy as np

from mlpnas.datasets import DataRef
from mlpnas.datasets._listing import Listing, in_memory


class Digits:
    needs_path = False
    flip = False

    def __init__(self, ref: DataRef) -> None:
        pass

    def listing(self) -> Listing:
        # importing scikit-learn takes seconds in every worker
        file = distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")
        rows = np.loadtxt(str(file), delimiter=",")  # 64 pixels from 0 to 16, and a label
        pixels = np.round(rows[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
        labels = rows[:, -1].astype(np.int64)
        return in_memory(pixels, labels, tuple("0123456789"), {"train": len(labels)})
