"""1,797 handwritten digits of 8x8 pixels that ship inside scikit-learn. Near its ceiling for any network: for tests."""

import numpy as np

from mlpnas.datasets import Content


class Digits:
    needs_path = False
    flip = False

    def __init__(self, path: str = "") -> None:
        pass

    def read(self, image_size: int) -> Content:
        from sklearn.datasets import load_digits

        digits = load_digits()
        pixels = np.round(digits.images * (255 / 16)).astype(np.uint8)[:, None]
        labels = digits.target.astype(np.int64)
        return Content(pixels, labels, tuple("0123456789"), {"train": len(labels)})
