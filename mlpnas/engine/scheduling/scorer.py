"""Zero-cost scores of architectures that a sampler considers, measured as a worker would."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mlpnas.datasets import DataRef, load
from mlpnas.manifest import Manifest
from mlpnas.objectives import Candidate, measure
from mlpnas.space.codes import Codes, decode
from mlpnas.space.space import SearchSpace
from mlpnas.tasks import task_of
from mlpnas.training.recipe import Recipe


class Scorer:
    """Measures the scores of a run on the CPU, 0.1 to 1 s for each architecture, and each architecture once."""

    def __init__(self, space: SearchSpace, manifest: Manifest) -> None:
        self.space, self.manifest, self.names = space, manifest, manifest.decided.scores
        self._known: dict[bytes, Mapping[str, float]] = {}

    def __call__(self, codes: Codes) -> dict[str, NDArray[np.float64]]:
        """Return (n,) values of each score for codes (n, questions); NaN if a score cannot be measured.

        Raises:
            DataError: the data set is gone.
        """
        rows = [self._measure(row) for row in codes]
        return {name: np.array([row.get(name, np.nan) for row in rows], float) for name in self.names}

    def _measure(self, codes: Codes) -> Mapping[str, float]:
        key = codes.tobytes()
        if key not in self._known:
            ref, recipe = DataRef.from_json(self.manifest.decided.data), Recipe.from_json(self.manifest.decided.recipe)
            task, data = task_of(ref), load(ref)
            spec = self.space.spec(decode(self.space.questions, codes))
            try:
                candidate = Candidate(spec, task=task, recipe=recipe, data=data, seed=self.manifest.asked.seed)
                self._known[key] = measure(self.names, candidate)
            except Exception:  # its worker will report the error if it is ever tried
                self._known[key] = {}
        return self._known[key]
