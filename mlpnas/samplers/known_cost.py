"""Model-based search that knows what a proposal costs: only the uncertain objectives are modelled.

A Gaussian process over answers (_gp.py) predicts the uncertain objective. Of a few hundred edits of the best
architectures, all inside the window, that one is proposed from which most is expected (_improvement.py): of the
hypervolume where a cost is an objective too, else of the best value.

Several uncertain objectives, or several costs, are weighed into one by shares that are drawn for every proposal
(Knowles, ParEGO, IEEE TEC 10(1), 2006): each uncertain one has a process of its own, and a weighted sum of normal
values is normal.

Zero-cost scores that were measured beside the objectives become inputs of the process while they tell more than the
cost does, by mlpnas/audit.py; that is looked at whenever the parameters are learned anew. A candidate's own scores take
a moment to measure, so only the few are measured from which most is expected without them.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np

from mlpnas.record import Record
from mlpnas.samplers import Domain, Proposal
from mlpnas.samplers._archive import SIGN, Archive, Floats, front
from mlpnas.samplers._improvement import Staircase, expected_hypervolume_improvement, expected_improvement
from mlpnas.samplers._model import Model, Rows, settled
from mlpnas.samplers.local import step
from mlpnas.space.codes import Candidates, Codes
from mlpnas.space.space import Window
from mlpnas.space.tables import Draw

_FEWEST, _MOST = 10, 20  # uniform draws to begin with: one per question; the most where trials stop and draws are cheap
_CANDIDATES = 300
_AFRESH = 0.15  # share of the candidates drawn anew
_KEPT = 10  # trials that share what was drawn anew
_EDITS = 3  # at most
_LEADERS = 10  # that are edited, where there is no front
_RUNNING = 100  # trials at most that enter before they end, the latest
_SHORTLIST = 8  # candidates whose scores are measured


class Scorer(Protocol):
    """Measures scores of architectures that were not tried yet; `names` are theirs in the records' values."""

    @property
    def names(self) -> Sequence[str]: ...

    def __call__(self, codes: Codes) -> Mapping[str, Floats]:
        """(n,) of each name, for codes (n, questions); nan where one cannot be measured."""
        ...


class _Wish(NamedTuple):
    """How objectives are weighed for one proposal, and what is known by these weights.

    shares: (uncertain objectives,); prices: (costs,); values, paid: (known records,)
    """

    shares: Floats
    prices: Floats
    values: Floats
    paid: Floats


class KnownCost:
    """See Sampler.

    Args:
        scorer: whoever measures the scores that stand in the records; None: none do.
    """

    def __init__(
        self,
        domain: Domain,
        window: Window,
        objectives: Mapping[str, str],
        seed: int,
        scorer: Scorer | None = None,
    ) -> None:
        self.domain, self.window, self.seed = domain, window, seed
        self.archive = Archive(domain, window, objectives)
        self.starts = int(np.clip(len(domain.questions), _FEWEST, _MOST))
        self.costs = [name for name in objectives if name in domain.quantities]
        limited = [name for name in domain.quantities if name in window]
        self.axis = [*self.costs, *limited, *domain.quantities][0]
        self.scale_from = self.starts if self.costs else None  # a front reaches down to what is bad at a higher cost
        self.models = [self._model(name) for name in objectives if name not in domain.quantities]
        self.scorer = scorer
        self._scored: tuple[int, list[Model]] = 0, []
        self._drawn = lru_cache(maxsize=1)(self._draw_anew)

    def _model(self, objective: str, scores: Sequence[str] = ()) -> Model:
        return Model(self.archive, objective, self.axis, self.scale_from, scores)

    def ask(self, trial: int) -> Proposal:
        draw = self._chosen(trial, np.random.default_rng([self.seed, trial]))
        self.archive.propose(trial, draw)
        return Proposal(draw)

    def tell(self, record: Record) -> None:
        self.archive.tell(record)

    def _chosen(self, trial: int, rng: np.random.Generator) -> Draw:
        if self._is_beginning():
            return self.archive.unseen(rng)
        try:
            if self.models:
                return self._best(trial, rng)
        except np.linalg.LinAlgError:
            pass  # too little is known, or it cannot be modelled
        return step(self.archive, rng)

    def _is_beginning(self) -> bool:
        proposed = self.archive.proposed
        return proposed < self.starts or (proposed < _MOST and self.archive.has_stopped)

    def _best(self, trial: int, rng: np.random.Generator) -> Draw:
        """The candidate from which most is expected.

        Raises:
            LinAlgError: a model cannot be learned.
        """
        known = self.archive.known([model.objective for model in self.models], [self.axis, *self.costs])
        running = self.archive.running(_RUNNING)
        for model in self.models:
            model.update(known, running)
        shares, prices = rng.dirichlet(np.ones(len(self.models))), self._prices(rng)
        values = shares @ [model.at_full_fidelity() for model in self.models]
        paid = self._paid([self.archive.values(name)[known] for name in self.costs], prices)
        wish = _Wish(shares, prices, values, paid)
        leaders = front(np.stack([values, -paid], axis=1)) if self.costs else np.argsort(-values)[:_LEADERS]
        candidates = self._candidates(self.archive.codes[known[leaders]], trial, rng)
        if not len(candidates.codes):
            return self.archive.unseen(rng)
        gain = self._gain(self.models, wish, candidates)
        if models := self._with_scores(known):
            candidates = self._measured(candidates.take(np.argsort(-gain, kind="stable")[:_SHORTLIST]))
            for model in models:
                model.update(known, self._measured(running))
            gain = self._gain(models, wish, candidates)
        return self.archive.build(candidates.codes[gain.argmax()], rng)

    def _gain(self, models: Sequence[Model], wish: _Wish, candidates: Candidates) -> Floats:
        """(n,) what is expected of each candidate."""
        beliefs = np.array([model.predict(candidates) for model in models])  # (models, 2, candidates)
        mean, deviation = wish.shares @ beliefs[:, 0], np.sqrt(wish.shares**2 @ beliefs[:, 1] ** 2)
        if not self.costs:
            return expected_improvement(mean, deviation, wish.values.max())
        stairs = Staircase.of(wish.paid, wish.values, float(wish.shares @ [model.worst for model in models]))
        own = self._paid([candidates.costs[name] for name in self.costs], wish.prices)
        return expected_hypervolume_improvement(mean, deviation, own, stairs, self._dearest(wish.prices))

    def _with_scores(self, known: Rows) -> Sequence[Model]:
        """The models with the scores that are worth it; none where no score is."""
        count = settled(len(known))
        if self.scorer and self._scored[0] != count:
            names, first = self.scorer.names, known[:count]
            worth = {model: [name for name in names if model.worth_asking(name, first)] for model in self.models}
            models = [self._model(model.objective, scores) for model, scores in worth.items()]
            self._scored = count, models if any(worth.values()) else []
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
        return self.domain.drawn(int(_AFRESH * _CANDIDATES), self.window, rng)

    def _candidates(self, leaders: Codes, trial: int, rng: np.random.Generator) -> Candidates:
        """Unseen ones inside the window: edits of the leaders, and some drawn anew."""
        afresh = self._drawn(trial // _KEPT)
        count = _CANDIDATES - len(afresh.codes)
        parents, edits = leaders[rng.integers(len(leaders), size=count)], rng.integers(1, _EDITS + 1, count)
        edited = self.domain.mutated(parents, edits.tolist(), self.window, rng)
        codes = np.concatenate([afresh.codes, edited.codes])
        costs = {name: np.concatenate([afresh.costs[name], edited.costs[name]]) for name in self.domain.quantities}
        new = np.sort(np.unique(codes, axis=0, return_index=True)[1])
        new = new[~self.archive.is_seen(codes[new])]
        return Candidates(codes, costs).take(new)
