"""What is believed of one uncertain objective, from the trials that were told and those that are running."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlpnas import audit
from mlpnas.samplers._archive import SIGN, Archive, Floats
from mlpnas.samplers.known_cost.gaussian_process import GaussianProcess, Inputs, Layout, Parameters, learned
from mlpnas.samplers.known_cost.improvement import Staircase
from mlpnas.space.codes import Candidates

Rows = NDArray[np.int64]
_MODELLED = 400  # points: the work grows with the cube
_LEARNED = 200  # of these are enough for the parameters, which take some twenty such fits
_FEW = 0.1  # share of the results that lies below what counts as low
_VAGUE = 0.5  # variance of what is that far behind
_NEAR = 0.75  # share of them taken nearest to the front
_PATIENCE = 10  # the parameters are learned anew after every tenth more results
_FAR = 3.0  # standard deviations, beyond which a score says no more


def settled(count: int) -> int:
    """Of so many results, how many the parameters are learned from: a tenth more each time."""
    reached = 0
    while (following := reached + max(1, reached // _PATIENCE)) <= count:
        reached = following
    return reached


class Model:
    """One Gaussian process, in units of the objective's standard deviation; more is better.

    Args:
        cost: the quantity whose logarithm is an input.
        scale_from: how many of the first results say what is bad; None: cost is no objective.
        far: results beyond this quantile of how far one lies behind the best are not told apart; 1: all are.
        scores: names of values that are inputs too.

    Attributes:
        values: (known rows,) what was observed.
        whole: (known rows,) the same, but for trials that were stopped what is expected of them at full fidelity.
        worst: the lowest decile of the first results.
    """

    def __init__(
        self,
        archive: Archive,
        objective: str,
        cost: str,
        scale_from: int | None,
        far: float,
        scores: Sequence[str] = (),
    ) -> None:
        self.archive, self.objective, self.cost = archive, objective, cost
        self.scale_from, self.far, self.scores = scale_from, far, scores
        self.layout = Layout.of(archive.domain.questions)
        self._learned: tuple[int, Parameters] | None = None

    def update(self, known: Rows, running: Candidates) -> None:
        """Take in the archive's `known` rows and what is running.

        Raises:
            LinAlgError: nothing can be learned from them.
        """
        parameters = self._parameters(known)
        self._observe(known)
        inputs, values, vague = self._points(_MODELLED)
        self.process = GaussianProcess(self.layout, parameters, inputs, values, vague)
        if len(running.codes):  # as what is expected of them: their neighbours become less uncertain, not better
            more = self._at_full_fidelity(running)
            expected, _ = self.process.predict(more)
            values, vague = np.append(values, expected), np.append(vague, np.zeros(len(expected)))
            self.process = GaussianProcess(self.layout, parameters, inputs.joined(more), values, vague)
        self.whole = self.values.copy()
        stopped = np.flatnonzero(self._inputs.fidelity < 0)
        if len(stopped):
            further = self._inputs.take(stopped)._replace(fidelity=np.zeros(len(stopped)))
            self.whole[stopped], _ = self.process.predict(further)

    def predict(self, candidates: Candidates) -> tuple[Floats, Floats]:
        """Mean and standard deviation at full fidelity, (n,) each; the candidates' costs hold the scores, too."""
        return self.process.predict(self._at_full_fidelity(candidates))

    def worth_asking(self, score: str, known: Rows) -> bool:
        """Whether this score beats the cost among known trials of equal cost (mlpnas/audit.py)."""
        finished = known[self.archive.fidelity()[known] == 0]
        columns = [self.archive.values(name)[finished] for name in (score, self.cost, self.objective)]
        return audit.usable(columns[0], columns[1], SIGN[self.archive.objectives[self.objective]] * columns[2])

    def _at_full_fidelity(self, candidates: Candidates) -> Inputs:
        traits = self._scaled(self._traits([candidates.costs[name] for name in (self.cost, *self.scores)]))
        return Inputs(candidates.codes, traits, np.zeros(len(traits)))

    def _traits(self, columns: Sequence[Floats]) -> Floats:
        """(n, traits) from the cost and the scores, (n,) each."""
        return np.stack([np.log(columns[0]), *columns[1:]], axis=1)

    def _scaled(self, traits: Floats) -> Floats:
        """In standard deviations; a score that could not be measured is like the average."""
        scaled = (traits - self._middle) / self._spread
        scaled[:, 1:] = np.clip(np.nan_to_num(scaled[:, 1:]), -_FAR, _FAR)
        return scaled

    def _observe(self, known: Rows) -> None:
        """Results in standard deviations, those of each fidelity around their own mean.

        The far bad end is drawn in: how bad it is drowns what tells good from better. It is vague then: an answer that
        was only seen in bad company may yet be a good one.
        """
        results = SIGN[self.archive.objectives[self.objective]] * self.archive.values(self.objective)[known]
        if not np.isfinite(results).any():
            raise np.linalg.LinAlgError("no results")
        results[~np.isfinite(results)] = -np.inf
        fidelity = self.archive.fidelity()[known]
        groups = [np.flatnonzero(fidelity == level) for level in np.unique(fidelity)]
        costs = self.archive.values(self.cost)[known]
        self._vague = np.zeros(len(results))
        for rows in groups:
            drawn_in, too_bad, floor = self._drawn_in(results[rows], costs[rows])
            self._vague[rows] = _VAGUE * too_bad
            results[rows], worst = drawn_in - drawn_in.mean(), floor - drawn_in.mean()
        spread = results[max(groups, key=len)].std() or 1.0
        self.values, self.worst = results / spread, worst / spread
        traits = self._traits([self.archive.values(name)[known] for name in (self.cost, *self.scores)])
        self._middle, spreads = np.nanmean(traits, axis=0), np.nanstd(traits, axis=0)
        self._spread = np.where(spreads > 0, spreads, 1.0)
        self._inputs = Inputs(self.archive.codes[known], self._scaled(traits), fidelity)

    def _drawn_in(self, results: Floats, costs: Floats) -> tuple[Floats, NDArray[np.bool_], float]:
        """How far a result lies behind the best of its cost counts up to the quantile `far`.

        Also returned: which results, failures not among them, lie further behind; the lowest decile.

        Before that, nothing counts as worse than the lowest decile less what lies between it and the highest: one bad
        network, alone at its cost, would be the best of it. Failures (-inf) stand at the end of both.
        """
        finite = np.isfinite(results)
        if not finite.any():
            return np.zeros_like(results), finite, 0.0
        low, high = np.quantile(results[finite], [_FEW, 1 - _FEW])
        results = np.maximum(results, low - (high - low))
        first = results[finite][: self.scale_from]
        stairs = Staircase.of(costs[finite], results[finite], first.min())
        best = stairs.at(costs) if self.scale_from else results[finite].max()
        behind = best - results
        far = np.quantile(behind[finite], self.far)
        worst = np.quantile(first, _FEW, method="weibull")  # of ten, nearly the lowest: not biased where they are few
        return best - np.minimum(behind, far), finite & (behind > far), float(worst)

    def _parameters(self, known: Rows) -> Parameters:
        """Learned from the first results as they were then, so that a resumed search learns the same."""
        count = settled(len(known))
        if self._learned is None or self._learned[0] != count:
            self._observe(known[:count])
            self._learned = count, learned(self.layout, *self._points(_LEARNED))
        return self._learned[1]

    def _points(self, most: int) -> tuple[Inputs, Floats, Floats]:
        """What was observed, and how vague; of too much the points nearest to the front, and some of the others."""
        count = len(self.values)
        if count <= most:
            return self._inputs, self.values, self._vague
        costs = self._inputs.traits[:, 0]
        stairs = Staircase.of(costs, self.values, float(self.values.min()))
        order = np.argsort(stairs.at(costs) - self.values, kind="stable")
        near = int(_NEAR * most)
        others = np.linspace(near, count - 1, most - near).astype(np.int64)
        rows = np.sort(order[np.concatenate([np.arange(near), others])])
        return self._inputs.take(rows), self.values[rows], self._vague[rows]
