"""Model-based search that knows what a proposal costs: only the uncertain objectives are modelled.

A Gaussian process over answers (_gp.py) predicts the uncertain objective. Of a few hundred edits of the best
architectures, all inside the window, that one is proposed from which most is expected (_improvement.py): of the
hypervolume where a cost is an objective too, else of the best value.

How much bad results teach about good ones cannot be learned from a few of them, and a wrong guess keeps a search away
from its best. So there are two views, one of which draws the results in further, and both vote: each divides one vote
among the candidates in proportion to what it expects of them.

Several uncertain objectives, or several costs, are weighed into one by shares that are drawn for every proposal
(Knowles, ParEGO, IEEE TEC 10(1), 2006): each uncertain one has a process of its own, and a weighted sum of normal
values is normal.

Zero-cost scores that were measured beside the objectives become inputs of the process while they tell more than the
cost does, by mlpnas/audit.py; that is looked at whenever the parameters are learned anew. A candidate's own scores take
a moment to measure, so only the few are measured from which most is expected without them.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mlpnas.samplers._archive import SIGN, Floats, front
from mlpnas.samplers._base import ArchitectureSampler, Asked
from mlpnas.samplers._domain import Domain
from mlpnas.samplers.known_cost.improvement import Staircase, expected_hypervolume_improvement, heavy_tailed_improvement
from mlpnas.samplers.known_cost.model import Model, Rows, settled
from mlpnas.samplers.local import step
from mlpnas.space.codes import Candidates, Codes
from mlpnas.space.tables import Sample, Window

_FEWEST, _MOST = 10, 20  # uniform draws to begin with: one per question; the most where trials stop and draws are cheap
_CANDIDATES = 300
_AFRESH = 0.15  # share of the candidates drawn anew
_KEPT = 10  # trials that share what was drawn anew
_EDITS = 3  # at most
_LEADERS = 10  # that are edited, where there is no front
_RUNNING = 100  # trials at most that enter before they end, the latest
_SHORTLIST = 8  # candidates whose scores are measured
_OF_A_FRONT, _OF_THE_BEST = (0.75, 1.0), (0.75, 0.5)  # quantiles of the distance to the best, one a view: see Model.far

View = Sequence[Model]  # one for each uncertain objective


class _Wish(NamedTuple):
    """How objectives are weighed for one proposal, and what was paid by these weights.

    shares: (uncertain objectives,); prices: (costs,); paid: (known records,)
    """

    shares: Floats
    prices: Floats
    paid: Floats


class KnownCost(ArchitectureSampler):
    """See ArchitectureSampler."""

    def __init__(self, domain: Domain, window: Window, objectives: Mapping[str, str], seed: int) -> None:
        super().__init__(domain, window, objectives, seed)
        self.starts = int(np.clip(len(domain.questions), _FEWEST, _MOST))
        self.costs = [name for name in objectives if name in domain.quantities]
        limited = [name for name in domain.quantities if name in window]
        self.axis = [*self.costs, *limited, *domain.quantities][0]
        self.scale_from = self.starts if self.costs else None  # a front reaches down to what is bad at a higher cost
        self.uncertain = [name for name in objectives if name not in domain.quantities]
        self.views = self._views({})
        self._scored: tuple[int, list[View]] = 0, []
        self._drawn = lru_cache(maxsize=1)(self._draw_anew)

    def _views(self, scores: Mapping[str, Sequence[str]]) -> list[View]:
        """
        Args:
            scores: of each uncertain objective, those that tell something of it.
        """
        told = [(name, scores.get(name, ())) for name in self.uncertain]
        return [
            [Model(self.archive, name, self.axis, self.scale_from, far, scores) for name, scores in told]
            for far in (_OF_A_FRONT if self.costs else _OF_THE_BEST)
        ]

    def propose(self, asked: Asked) -> Sample:
        if self._is_beginning():
            return self.archive.unseen(asked.rng)
        try:
            if self.uncertain:
                return self._best(asked.number, asked.rng)
        except np.linalg.LinAlgError:
            pass  # too little is known, or it cannot be modelled
        return step(self.archive, asked.rng)

    def _is_beginning(self) -> bool:
        proposed = self.archive.proposed
        return proposed < self.starts or (proposed < _MOST and self.archive.has_stopped)

    def _best(self, trial: int, rng: np.random.Generator) -> Sample:
        """The candidate with most votes.

        Raises:
            LinAlgError: a model cannot be learned.
        """
        known = self.archive.known(self.uncertain, [self.axis, *self.costs])
        running = self.archive.running(_RUNNING)
        _update(self.views, known, running)
        shares, prices = rng.dirichlet(np.ones(len(self.uncertain))), self._prices(rng)
        paid = self._paid([self.archive.values(name)[known] for name in self.costs], prices)
        wish, values = _Wish(shares, prices, paid), _weighed(shares, self.views[0])
        leaders = front(np.stack([values, -paid], axis=1)) if self.costs else np.argsort(-values)[:_LEADERS]
        candidates = self._candidates(self.archive.codes[known[leaders]], trial, rng)
        if not len(candidates.codes):
            return self.archive.unseen(rng)
        votes = self._votes(self.views, wish, candidates)
        if views := self._with_scores(known):
            candidates = self._measured(candidates.take(np.argsort(-votes, kind="stable")[:_SHORTLIST]))
            _update(views, known, self._measured(running))
            votes = self._votes(views, wish, candidates)
        return self.archive.build(candidates.codes[votes.argmax()], rng)

    def _votes(self, views: Sequence[View], wish: _Wish, candidates: Candidates) -> Floats:
        """(n,) for each candidate; a view that expects nothing of any has none."""
        gains = [self._gain(view, wish, candidates) for view in views]
        return np.sum([gain / (gain.sum() or 1.0) for gain in gains], axis=0)

    def _gain(self, view: View, wish: _Wish, candidates: Candidates) -> Floats:
        """(n,) what is expected of each candidate."""
        beliefs = np.array([model.predict(candidates) for model in view])  # (models, 2, candidates)
        mean, deviation = wish.shares @ beliefs[:, 0], np.sqrt(wish.shares**2 @ beliefs[:, 1] ** 2)
        values = _weighed(wish.shares, view)
        if not self.costs:  # with only one thing to gain a family is soon used up, and the rest is judged from afar
            return heavy_tailed_improvement(mean, deviation, values.max())
        stairs = Staircase.of(wish.paid, values, float(wish.shares @ [model.worst for model in view]))
        own = self._paid([candidates.costs[name] for name in self.costs], wish.prices)
        return expected_hypervolume_improvement(mean, deviation, own, stairs, self._dearest(wish.prices))

    def _with_scores(self, known: Rows) -> Sequence[View]:
        """The views with the scores that are worth it; none where no score is."""
        count = settled(len(known))
        if self.scorer and self._scored[0] != count:
            names, first = self.scorer.names, known[:count]
            worth = {
                model.objective: [name for name in names if model.worth_asking(name, first)] for model in self.views[0]
            }
            self._scored = count, self._views(worth) if any(worth.values()) else []
        return self._scored[1]

    def _measured(self, candidates: Candidates) -> Candidates:
        """The same, with their scores beside the costs."""
        scores = self.scorer(candidates.codes) if self.scorer else {}
        return candidates._replace(costs={**candidates.costs, **scores})

    def _prices(self, rng: np.random.Generator) -> Floats:
        """(costs,) what a unit of each cost counts, by chance; the highest cost counts about 1."""
        scale = [-SIGN[self.archive.objectives[name]] / self.domain.range(name)[1] for name in self.costs]
        return rng.dirichlet(np.ones(len(scale))) * scale if scale else np.zeros(0)

    def _paid(self, costs: Sequence[Floats], prices: Floats) -> Floats:
        """(n,) the costs that are objectives, weighed into one; less is better."""
        return prices @ np.array(costs) if costs else np.zeros(0)

    def _dearest(self, prices: Floats) -> float:
        """The worst that can be paid inside the window."""
        worst = []
        for name in self.costs:
            (low, high), (least, most) = self.domain.range(name), self.window.get(name, (-np.inf, np.inf))
            worst.append(max(low, least) if self.archive.objectives[name] == "maximize" else min(high, most))
        return float(prices @ worst)

    def _draw_anew(self, period: int) -> Candidates:
        rng = np.random.default_rng([self.seed, period, 1])  # not that of a trial
        return self.domain.samples(int(_AFRESH * _CANDIDATES), self.window, rng)

    def _candidates(self, leaders: Codes, trial: int, rng: np.random.Generator) -> Candidates:
        """Unseen ones inside the window: edits of the leaders, and some drawn anew."""
        afresh = self._drawn(trial // _KEPT)
        count = _CANDIDATES - len(afresh.codes)
        parents, edits = leaders[rng.integers(len(leaders), size=count)], rng.integers(1, _EDITS + 1, count)
        edited = self.domain.mutate(parents, edits.tolist(), self.window, rng)
        codes = np.concatenate([afresh.codes, edited.codes])
        costs = {name: np.concatenate([afresh.costs[name], edited.costs[name]]) for name in self.domain.quantities}
        new = np.sort(np.unique(codes, axis=0, return_index=True)[1])
        new = new[~self.archive.is_seen(codes[new])]
        return Candidates(codes, costs).take(new)


def _update(views: Sequence[View], known: Rows, running: Candidates) -> None:
    """
    Raises:
        LinAlgError: a model cannot be learned.
    """
    for view in views:
        for model in view:
            model.update(known, running)


def _weighed(shares: Floats, view: View) -> Floats:
    """(known records,) the values of the view's objectives at full fidelity, weighed into one."""
    return shares @ [model.whole for model in view]
