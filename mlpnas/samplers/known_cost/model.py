"""The model of one uncertain objective, from finished and running trials."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlpnas import audit
from mlpnas.samplers._archive import SIGN, Archive, Floats
from mlpnas.samplers.known_cost.gaussian_process import GaussianProcess, Inputs, Layout, Parameters, learn
from mlpnas.samplers.known_cost.improvement import AttainmentCurve
from mlpnas.space.codes import Candidates

Rows = NDArray[np.int64]
_MODELLED = 400  # points; the time grows with their cube
_LEARNED = 200  # points for learning the parameters, which takes about twenty fits
_FEW = 0.1  # quantile of a low result
_CLIPPED_VARIANCE = 0.5  # extra noise variance of clipped results
_NEAR = 0.75  # share of the points that are the nearest to the front
_PATIENCE = 10  # parameters are learned again after a tenth more results
_FAR = 3.0  # standard deviations at which scores are clipped


def refit_at(count: int) -> int:
    """Return the number of results at the last refit of the parameters, with `count` results now."""
    reached = 0
    while (following := reached + max(1, reached // _PATIENCE)) <= count:
        reached = following
    return reached


class Model:
    """A Gaussian process in units of the objective's standard deviation; more is better.

    Args:
        cost: the quantity whose logarithm is an input.
        scale_from: number of first results that define a low value; None: no cost is an objective.
        clip_quantile: results are clipped at this quantile of the distance to the best; 1: none are.
        scores: names of values that are inputs too.

    Attributes:
        values: (known rows,) the observed results, clipped.
        at_full_fidelity: (known rows,) the same, with predictions at full fidelity for stopped trials.
        worst: the lowest decile of the first results.
    """

    def __init__(
        self,
        archive: Archive,
        objective: str,
        cost: str,
        scale_from: int | None,
        clip_quantile: float,
        scores: Sequence[str] = (),
    ) -> None:
        self.archive, self.objective, self.cost = archive, objective, cost
        self.scale_from, self.clip_quantile, self.scores = scale_from, clip_quantile, scores
        self.layout = Layout.of(archive.domain.questions)
        self._learned: tuple[int, Parameters] | None = None

    def update(self, known: Rows, running: Candidates) -> None:
        """Fit the process to the archive's `known` rows and the running architectures.

        Raises:
            LinAlgError: the parameters cannot be learned.
        """
        parameters = self._parameters(known)
        self._observe(known)
        inputs, values, variance = self._points(_MODELLED)
        self.process = GaussianProcess(self.layout, parameters, inputs, values, variance)
        if len(running.codes):  # predicted values lower the uncertainty of neighbours, not their mean
            more = self._inputs_of(running)
            expected, _ = self.process.predict(more)
            values, variance = np.append(values, expected), np.append(variance, np.zeros(len(expected)))
            self.process = GaussianProcess(self.layout, parameters, inputs.join(more), values, variance)
        self.at_full_fidelity = self.values.copy()
        stopped = np.flatnonzero(self._inputs.fidelity < 0)
        if len(stopped):
            further = self._inputs.take(stopped)._replace(fidelity=np.zeros(len(stopped)))
            self.at_full_fidelity[stopped], _ = self.process.predict(further)

    def predict(self, candidates: Candidates) -> tuple[Floats, Floats]:
        """Return mean and standard deviation at full fidelity, (n,) each; the candidates' costs hold the scores too."""
        return self.process.predict(self._inputs_of(candidates))

    def is_worth_asking(self, score: str, known: Rows) -> bool:
        """Return whether this score beats the cost among known trials of equal cost (mlpnas/audit.py)."""
        finished = known[self.archive.fidelity()[known] == 0]
        columns = [self.archive.values(name)[finished] for name in (score, self.cost, self.objective)]
        return audit.usable(columns[0], columns[1], SIGN[self.archive.objectives[self.objective]] * columns[2])

    def _inputs_of(self, candidates: Candidates) -> Inputs:
        traits = self._scale(self._traits([candidates.costs[name] for name in (self.cost, *self.scores)]))
        return Inputs(candidates.codes, traits, np.zeros(len(traits)))

    def _traits(self, columns: Sequence[Floats]) -> Floats:
        """Return traits (n, traits) from the cost and the scores, (n,) each."""
        return np.stack([np.log(columns[0]), *columns[1:]], axis=1)

    def _scale(self, traits: Floats) -> Floats:
        """Return traits in standard deviations; an unmeasured score counts as average."""
        scaled = (traits - self._middle) / self._spread
        scaled[:, 1:] = np.clip(np.nan_to_num(scaled[:, 1:]), -_FAR, _FAR)
        return scaled

    def _observe(self, known: Rows) -> None:
        """Set the results in standard deviations, those of each fidelity around their own mean.

        Very bad results are clipped, because their spread would dominate the fit. Clipped points get extra noise
        variance: an answer seen only in bad architectures may still be good.
        """
        results = SIGN[self.archive.objectives[self.objective]] * self.archive.values(self.objective)[known]
        if not np.isfinite(results).any():
            raise np.linalg.LinAlgError("no results")
        results[~np.isfinite(results)] = -np.inf
        fidelity = self.archive.fidelity()[known]
        groups = [np.flatnonzero(fidelity == level) for level in np.unique(fidelity)]
        costs = self.archive.values(self.cost)[known]
        self._extra_variance = np.zeros(len(results))
        for rows in groups:
            clipped, is_clipped, low = self._clip(results[rows], costs[rows])
            self._extra_variance[rows] = _CLIPPED_VARIANCE * is_clipped
            results[rows], worst = clipped - clipped.mean(), low - clipped.mean()
        spread = results[max(groups, key=len)].std() or 1.0
        self.values, self.worst = results / spread, worst / spread
        traits = self._traits([self.archive.values(name)[known] for name in (self.cost, *self.scores)])
        self._middle, spreads = np.nanmean(traits, axis=0), np.nanstd(traits, axis=0)
        self._spread = np.where(spreads > 0, spreads, 1.0)
        self._inputs = Inputs(self.archive.codes[known], self._scale(traits), fidelity)

    def _clip(self, results: Floats, costs: Floats) -> tuple[Floats, NDArray[np.bool_], float]:
        """Clip the distance of results to the best of their cost at `clip_quantile`.

        Also return which results, without failures, were clipped, and the lowest decile.

        Results are first limited to the lowest decile minus the distance from it to the highest: a bad network that is
        the only one at its cost would count as the best there. Failures (-inf) get the lowest value of both.
        """
        finite = np.isfinite(results)
        if not finite.any():
            return np.zeros_like(results), finite, 0.0
        low, high = np.quantile(results[finite], [_FEW, 1 - _FEW])
        results = np.maximum(results, low - (high - low))
        first = results[finite][: self.scale_from]
        curve = AttainmentCurve.of(costs[finite], results[finite], first.min())
        best = curve.at(costs) if self.scale_from else results[finite].max()
        behind = best - results
        limit = np.quantile(behind[finite], self.clip_quantile)
        worst = np.quantile(first, _FEW, method="weibull")  # nearly the lowest of ten: unbiased for few results
        return best - np.minimum(behind, limit), finite & (behind > limit), float(worst)

    def _parameters(self, known: Rows) -> Parameters:
        """Return the parameters, learned from the first results only, so that a resumed search learns the same."""
        count = refit_at(len(known))
        if self._learned is None or self._learned[0] != count:
            self._observe(known[:count])
            self._learned = count, learn(self.layout, *self._points(_LEARNED))
        return self._learned[1]

    def _points(self, most: int) -> tuple[Inputs, Floats, Floats]:
        """Return inputs, values and extra variance; of too many, those nearest to the front and some of the others."""
        count = len(self.values)
        if count <= most:
            return self._inputs, self.values, self._extra_variance
        costs = self._inputs.traits[:, 0]
        curve = AttainmentCurve.of(costs, self.values, float(self.values.min()))
        order = np.argsort(curve.at(costs) - self.values, kind="stable")
        near = int(_NEAR * most)
        others = np.linspace(near, count - 1, most - near).astype(np.int64)
        rows = np.sort(order[np.concatenate([np.arange(near), others])])
        return self._inputs.take(rows), self.values[rows], self._extra_variance[rows]
