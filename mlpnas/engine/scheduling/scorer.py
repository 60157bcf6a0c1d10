"""Zero-cost scores of architectures that a sampler thinks of, measured as a worker would (samplers/known_cost.py)."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mlpnas.datasets import DataRef, load
from mlpnas.manifest import Manifest
from mlpnas.objectives import Candidate, measure
from mlpnas.space.codes import Codes, decode
from mlpnas.space.space import SearchSpace
from mlpnas.training.recipe import Recipe


class Scorer:
    """Measures a run's scores on the CPU, 0.1 to 1 s for each architecture; the same one is measured once."""

    def __init__(self, space: SearchSpace, manifest: Manifest) -> None:
        self.space, self.manifest, self.names = space, manifest, manifest.decided.scores
        self._known: dict[bytes, Mapping[str, float]] = {}

    def __call__(self, codes: Codes) -> dict[str, NDArray[np.float64]]:
        """(n,) of each score, for codes (n, questions); nan where one cannot be measured.

        Raises:
            DataError: the data set is gone.
        """
        rows = [self._measured(row) for row in codes]
        return {name: np.array([row.get(name, np.nan) for row in rows], float) for name in self.names}

    def _measured(self, codes: Codes) -> Mapping[str, float]:
        key = codes.tobytes()
        if key not in self._known:
            data, recipe = (
                load(DataRef.from_json(self.manifest.decided.data)),
                Recipe.from_json(self.manifest.decided.recipe),
            )
            spec = self.space.spec(decode(self.space.questions, codes))
            try:
                self._known[key] = measure(
                    self.names, Candidate(spec, recipe=recipe, data=data, seed=self.manifest.asked.seed)
                )
            except Exception:  # a worker will say what is wrong with it, if it is ever tried
                self._known[key] = {}
        return self._known[key]
