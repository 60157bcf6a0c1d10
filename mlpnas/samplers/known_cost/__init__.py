"""Model-based search that knows what a proposal costs: only the uncertain objectives are modelled.

A Gaussian process over answers (gaussian_process.py) predicts the uncertain objective. A few hundred edits of the best
architectures inside the window are compared, and the one with the largest expected improvement (improvement.py) is
proposed: of the hypervolume if a cost is an objective too, else of the best value.

A few results cannot show how much bad results say about good ones, and a wrong guess keeps a search away from its best.
So there are two views, which clip results at different quantiles, and both vote: each divides one vote among the
candidates in proportion to their expected improvement.

Several uncertain objectives, or several costs, are scalarized with random weights for every proposal (Knowles, ParEGO,
IEEE TEC 10(1), 2006): each uncertain objective has its own process, and a weighted sum of normal values is normal.

Zero-cost scores that were measured beside the objectives become inputs of the process while they rank better than the
cost (mlpnas/audit.py); this is checked whenever the parameters are learned again. Measuring scores takes a moment, so
only the candidates with the most votes without scores are measured.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mlpnas.samplers._archive import SIGN, Floats, front
from mlpnas.samplers._base import ArchitectureSampler, Asked
from mlpnas.samplers._domain import Domain
from mlpnas.samplers.known_cost.improvement import (
    AttainmentCurve,
    expected_hypervolume_improvement,
    heavy_tailed_improvement,
)
from mlpnas.samplers.known_cost.model import Model, Rows, refit_at
from mlpnas.samplers.local import step
from mlpnas.space.codes import Candidates, Codes
from mlpnas.space.tables import Sample, Window

_FEWEST, _MOST = 10, 20  # uniform samples at first: one per question; _MOST if trials stop early, as samples are cheap
_CANDIDATES = 300
_SAMPLED = 0.15  # share of the candidates that are uniform samples
_SHARED = 10  # trials that share these samples
_EDITS = 3  # at most
_LEADERS = 10  # architectures to edit, if there is no front
_RUNNING = 100  # running trials in the model at most, the latest
_SHORTLIST = 8  # candidates whose scores are measured
_OF_A_FRONT, _OF_THE_BEST = (0.75, 1.0), (0.75, 0.5)  # clip quantiles, one per view: see Model

View = Sequence[Model]  # one for each uncertain objective


class _Scalarization(NamedTuple):
    """The scalarization weights of one proposal, and the scalar costs of the known records.

    weights: (uncertain objectives,); cost_weights: (costs,); costs: (known records,)
    """

    weights: Floats
    cost_weights: Floats
    costs: Floats


class KnownCost(ArchitectureSampler):
    """See ArchitectureSampler."""

    def __init__(self, domain: Domain, window: Window, objectives: Mapping[str, str], seed: int) -> None:
        super().__init__(domain, window, objectives, seed)
        self.starts = int(np.clip(len(domain.questions), _FEWEST, _MOST))
        self.costs = [name for name in objectives if name in domain.quantities]
        limited = [name for name in domain.quantities if name in window]
        self.axis = [*self.costs, *limited, *domain.quantities][0]
        self.scale_from = self.starts if self.costs else None  # low results count on a front of cheap architectures
        self.uncertain = [name for name in objectives if name not in domain.quantities]
        self.views = self._views({})
        self._scored: tuple[int, list[View]] = 0, []
        self._shared_samples = lru_cache(maxsize=1)(self._sample)

    def _views(self, scores: Mapping[str, Sequence[str]]) -> list[View]:
        """Return two views; `scores` are those to use for each uncertain objective."""
        inputs = [(name, scores.get(name, ())) for name in self.uncertain]
        return [
            [Model(self.archive, name, self.axis, self.scale_from, quantile, scores) for name, scores in inputs]
            for quantile in (_OF_A_FRONT if self.costs else _OF_THE_BEST)
        ]

    def propose(self, asked: Asked) -> Sample:
        if self._is_beginning():
            return self.archive.unseen(asked.rng)
        try:
            if self.uncertain:
                return self._best(asked.number, asked.rng)
        except np.linalg.LinAlgError:
            pass  # too few results, or they cannot be modelled
        return step(self.archive, asked.rng)

    def _is_beginning(self) -> bool:
        proposed = self.archive.proposed
        return proposed < self.starts or (proposed < _MOST and self.archive.has_stopped)

    def _best(self, trial: int, rng: np.random.Generator) -> Sample:
        """Return the candidate with the most votes.

        Raises:
            LinAlgError: a model cannot be learned.
        """
        known = self.archive.known(self.uncertain, [self.axis, *self.costs])
        running = self.archive.running(_RUNNING)
        _update(self.views, known, running)
        weights, cost_weights = rng.dirichlet(np.ones(len(self.uncertain))), self._cost_weights(rng)
        known_costs = self._scalar_cost([self.archive.values(name)[known] for name in self.costs], cost_weights)
        scalar, values = _Scalarization(weights, cost_weights, known_costs), _weigh(weights, self.views[0])
        leaders = front(np.stack([values, -known_costs], axis=1)) if self.costs else np.argsort(-values)[:_LEADERS]
        candidates = self._candidates(self.archive.codes[known[leaders]], trial, rng)
        if not len(candidates.codes):
            return self.archive.unseen(rng)
        votes = self._votes(self.views, scalar, candidates)
        if views := self._with_scores(known):
            candidates = self._add_scores(candidates.take(np.argsort(-votes, kind="stable")[:_SHORTLIST]))
            _update(views, known, self._add_scores(running))
            votes = self._votes(views, scalar, candidates)
        return self.archive.build(candidates.codes[votes.argmax()], rng)

    def _votes(self, views: Sequence[View], scalar: _Scalarization, candidates: Candidates) -> Floats:
        """Return the votes (n,); a view that expects no improvement has none."""
        gains = [self._gain(view, scalar, candidates) for view in views]
        return np.sum([gain / (gain.sum() or 1.0) for gain in gains], axis=0)

    def _gain(self, view: View, scalar: _Scalarization, candidates: Candidates) -> Floats:
        """Return the expected improvement (n,) of each candidate."""
        predicted = np.array([model.predict(candidates) for model in view])  # (models, 2, candidates)
        mean, deviation = scalar.weights @ predicted[:, 0], np.sqrt(scalar.weights**2 @ predicted[:, 1] ** 2)
        values = _weigh(scalar.weights, view)
        if not self.costs:  # a family is soon exhausted, and predictions for the others are unsure
            return heavy_tailed_improvement(mean, deviation, values.max())
        curve = AttainmentCurve.of(scalar.costs, values, float(scalar.weights @ [model.worst for model in view]))
        own = self._scalar_cost([candidates.costs[name] for name in self.costs], scalar.cost_weights)
        return expected_hypervolume_improvement(mean, deviation, own, curve, self._highest_cost(scalar.cost_weights))

    def _with_scores(self, known: Rows) -> Sequence[View]:
        """Return views that use the better scores; none if no score is better than the cost."""
        count = refit_at(len(known))
        if self.scorer and self._scored[0] != count:
            names, first = self.scorer.names, known[:count]
            worth = {
                model.objective: [name for name in names if model.is_worth_asking(name, first)]
                for model in self.views[0]
            }
            self._scored = count, self._views(worth) if any(worth.values()) else []
        return self._scored[1]

    def _add_scores(self, candidates: Candidates) -> Candidates:
        """Return the candidates with their scores beside the costs."""
        scores = self.scorer(candidates.codes) if self.scorer else {}
        return candidates._replace(costs={**candidates.costs, **scores})

    def _cost_weights(self, rng: np.random.Generator) -> Floats:
        """Return random weights (costs,) per unit of cost; the highest cost of the space counts about 1."""
        scale = [-SIGN[self.archive.objectives[name]] / self.domain.range(name)[1] for name in self.costs]
        return rng.dirichlet(np.ones(len(scale))) * scale if scale else np.zeros(0)

    def _scalar_cost(self, costs: Sequence[Floats], weights: Floats) -> Floats:
        """Return the weighted sum (n,) of the costs that are objectives; less is better."""
        return weights @ np.array(costs) if costs else np.zeros(0)

    def _highest_cost(self, weights: Floats) -> float:
        """Return the worst scalar cost inside the window."""
        worst = []
        for name in self.costs:
            (low, high), (least, most) = self.domain.range(name), self.window.get(name, (-np.inf, np.inf))
            worst.append(max(low, least) if self.archive.objectives[name] == "maximize" else min(high, most))
        return float(weights @ worst)

    def _sample(self, period: int) -> Candidates:
        rng = np.random.default_rng([self.seed, period, 1])  # a stream that no trial uses
        return self.domain.samples(int(_SAMPLED * _CANDIDATES), self.window, rng)

    def _candidates(self, leaders: Codes, trial: int, rng: np.random.Generator) -> Candidates:
        """Return unseen architectures inside the window: edits of the leaders, and uniform samples."""
        sampled = self._shared_samples(trial // _SHARED)
        count = _CANDIDATES - len(sampled.codes)
        parents, edits = leaders[rng.integers(len(leaders), size=count)], rng.integers(1, _EDITS + 1, count)
        edited = self.domain.mutate(parents, edits.tolist(), self.window, rng)
        codes = np.concatenate([sampled.codes, edited.codes])
        costs = {name: np.concatenate([sampled.costs[name], edited.costs[name]]) for name in self.domain.quantities}
        new = np.sort(np.unique(codes, axis=0, return_index=True)[1])
        new = new[~self.archive.is_seen(codes[new])]
        return Candidates(codes, costs).take(new)


def _update(views: Sequence[View], known: Rows, running: Candidates) -> None:
    """Update all models; raises LinAlgError if one cannot be learned."""
    for view in views:
        for model in view:
            model.update(known, running)


def _weigh(weights: Floats, view: View) -> Floats:
    """Return the weighted sum (known records,) of the view's objectives at full fidelity."""
    return weights @ [model.at_full_fidelity for model in view]
