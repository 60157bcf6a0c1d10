"""What is believed of one uncertain objective, from the trials that were told and those that are running."""

import numpy as np
from numpy.typing import NDArray

from mlpnas.samplers._archive import SIGN, Archive, Floats
from mlpnas.samplers._gp import GaussianProcess, Inputs, Parameters, learned
from mlpnas.samplers._improvement import Staircase
from mlpnas.space.codes import Candidates

_MODELLED = 400  # points: the work grows with the cube
_FENCE = 1.5  # times the distance of the quartiles, below the lower one: Tukey's
_NEAR = 0.75  # share of them taken nearest to the front
_RUNNING = 100  # trials at most that enter before they end, the latest
_PATIENCE = 10  # the parameters are learned anew after every tenth more results


class Model:
    """One Gaussian process, in units of the objective's standard deviation; more is better.

    Args:
        cost: the quantity whose logarithm is an input.
        scale_from: how many of the first results say what is too bad to be told apart; None: all.

    Attributes:
        values: (known rows,) what was observed.
        worst: where what is too bad was drawn in to.
    """

    def __init__(self, archive: Archive, objective: str, cost: str, scale_from: int | None) -> None:
        self.archive, self.objective, self.cost, self.scale_from = archive, objective, cost, scale_from
        self.sizes = [len(question.labels) for question in archive.domain.questions]
        self._learned: tuple[int, Parameters] | None = None

    def update(self, known: NDArray[np.int64]) -> None:
        """Take in the archive's `known` rows and what is running.

        Raises:
            LinAlgError: nothing can be learned from them.
        """
        self._observe(known)
        costs = np.log(self.archive.values(self.cost)[known])
        self._middle, self._spread = costs.mean(), costs.std() or 1.0
        self._inputs = Inputs(self.archive.codes[known], self._scaled(costs), self.archive.fidelity()[known])
        rows = self._subset(len(known))
        inputs, values = self._inputs.take(rows), self.values[rows]
        self.process = GaussianProcess(self.sizes, self._parameters(), inputs, values)
        running = self.archive.running(_RUNNING)
        if len(running.codes):  # as what is expected of them: their neighbours become less uncertain, not better
            more = self._at_full_fidelity(running)
            expected, _ = self.process.predict(more)
            values = np.append(values, expected)
            self.process = GaussianProcess(self.sizes, self._parameters(), inputs.joined(more), values)

    def at_full_fidelity(self) -> Floats:
        """(known rows,) what was observed there, and what is expected of those that were stopped before."""
        values, stopped = self.values.copy(), np.flatnonzero(self._inputs.fidelity < 0)
        if len(stopped):
            values[stopped] = self.process.predict(
                self._inputs.take(stopped)._replace(fidelity=np.zeros(len(stopped)))
            )[0]
        return values

    def predict(self, candidates: Candidates) -> tuple[Floats, Floats]:
        """Mean and standard deviation at full fidelity, (n,) each."""
        return self.process.predict(self._at_full_fidelity(candidates))

    def _at_full_fidelity(self, candidates: Candidates) -> Inputs:
        costs = self._scaled(np.log(candidates.costs[self.cost]))
        return Inputs(candidates.codes, costs, np.zeros(len(costs)))

    def _scaled(self, costs: Floats) -> Floats:
        return (costs - self._middle) / self._spread

    def _observe(self, known: NDArray[np.int64]) -> None:
        """Results in standard deviations, those of each fidelity around their own mean.

        The far bad end is drawn in, and failures stand there: how bad they are teaches nothing.
        """
        results = SIGN[self.archive.objectives[self.objective]] * self.archive.values(self.objective)[known]
        if not np.isfinite(results).any():
            raise np.linalg.LinAlgError("no results")
        results[~np.isfinite(results)] = -np.inf
        fidelity = self.archive.fidelity()[known]
        groups = [np.flatnonzero(fidelity == level) for level in np.unique(fidelity)]
        for rows in groups:
            found = results[rows][np.isfinite(results[rows])][: self.scale_from]
            low, high = np.quantile(found, [0.25, 0.75]) if len(found) else (0.0, 0.0)
            fence = low - _FENCE * max(high - low, 1e-9)
            drawn_in = np.maximum(results[rows], fence)
            results[rows], worst = drawn_in - drawn_in.mean(), fence - drawn_in.mean()
        spread = results[max(groups, key=len)].std() or 1.0
        self.values, self.worst = results / spread, worst / spread

    def _parameters(self) -> Parameters:
        """Learned from the first results alone, a round number of them, so that a resumed search learns the same."""
        count = len(self.values)
        count -= count % max(1, count // _PATIENCE)
        if self._learned is None or self._learned[0] != count:
            rows = self._subset(count)
            self._learned = count, learned(self.sizes, self._inputs.take(rows), self.values[rows])
        return self._learned[1]

    def _subset(self, count: int) -> NDArray[np.int64]:
        """The first `count` results; where they are too many, those nearest to the front and some of the others."""
        if count <= _MODELLED:
            return np.arange(count)
        costs, values = self._inputs.cost[:count], self.values[:count]
        stairs = Staircase.of(costs, values, float(values.min()))
        order = np.argsort(stairs.at(costs) - values, kind="stable")
        near = int(_NEAR * _MODELLED)
        others = np.linspace(near, count - 1, _MODELLED - near).astype(np.int64)
        return np.sort(order[np.concatenate([np.arange(near), others])])
