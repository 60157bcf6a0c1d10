"""Model-based search that knows what a proposal costs: only the uncertain objectives are modelled.

A Gaussian process over answers (_gp.py) predicts the uncertain objective. Of a few hundred edits of the best
architectures, all inside the window, that one is proposed from which most is expected (_improvement.py): of the
hypervolume where a cost is an objective too, else of the best value.

Several uncertain objectives, or several costs, are weighed into one by shares that are drawn for every proposal
(Knowles, ParEGO, IEEE TEC 10(1), 2006): each uncertain one has a process of its own, and a weighted sum of normal
values is normal.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from mlpnas.record import Record
from mlpnas.samplers import Domain, Proposal
from mlpnas.samplers._archive import SIGN, Archive, Floats, front
from mlpnas.samplers._improvement import Staircase, expected_hypervolume_improvement, expected_improvement
from mlpnas.samplers._model import Model
from mlpnas.samplers.local import step
from mlpnas.space.codes import Candidates, Codes
from mlpnas.space.space import Window
from mlpnas.space.tables import Draw

_FEWEST, _MOST = 10, 20  # uniform draws to begin with: one per question in between
_CANDIDATES = 400
_AFRESH = 0.15  # share of the candidates drawn anew
_EDITS = 3  # at most
_LEADERS = 10  # that are edited, where there is no front


class KnownCost:
    def __init__(self, domain: Domain, window: Window, objectives: Mapping[str, str], seed: int) -> None:
        self.domain, self.window, self.seed = domain, window, seed
        self.archive = Archive(domain, window, objectives)
        self.starts = int(np.clip(len(domain.questions), _FEWEST, _MOST))
        self.costs = [name for name in objectives if name in domain.quantities]
        limited = [name for name in domain.quantities if name in window]
        self.axis = [*self.costs, *limited, *domain.quantities][0]
        scale_from = self.starts if self.costs else None  # a front reaches down to what is bad at a higher cost
        uncertain = [name for name in objectives if name not in domain.quantities]
        self.models = [Model(self.archive, name, self.axis, scale_from) for name in uncertain]

    def ask(self, trial: int) -> Proposal:
        draw = self._chosen(np.random.default_rng([self.seed, trial]))
        self.archive.propose(trial, draw)
        return Proposal(draw)

    def tell(self, record: Record) -> None:
        self.archive.tell(record)

    def _chosen(self, rng: np.random.Generator) -> Draw:
        if self.archive.proposed < self.starts:
            return self.archive.unseen(rng)
        try:
            if self.models:
                return self._best(rng)
        except np.linalg.LinAlgError:
            pass  # too little is known, or it cannot be modelled
        return step(self.archive, rng)

    def _best(self, rng: np.random.Generator) -> Draw:
        """The candidate from which most is expected.

        Raises:
            LinAlgError: a model cannot be learned.
        """
        known = self.archive.known([model.objective for model in self.models], [self.axis, *self.costs])
        for model in self.models:
            model.update(known)
        shares = rng.dirichlet(np.ones(len(self.models)))
        prices = self._prices(rng)
        values = shares @ [model.at_full_fidelity() for model in self.models]
        paid = self._paid([self.archive.values(name)[known] for name in self.costs], prices)
        leaders = front(np.stack([values, -paid], axis=1)) if self.costs else np.argsort(-values)[:_LEADERS]
        candidates = self._candidates(self.archive.codes[known[leaders]], rng)
        if not len(candidates.codes):
            return self.archive.unseen(rng)
        beliefs = np.array([model.predict(candidates) for model in self.models])  # (models, 2, candidates)
        mean, deviation = shares @ beliefs[:, 0], np.sqrt(shares**2 @ beliefs[:, 1] ** 2)
        if self.costs:
            stairs = Staircase.of(paid, values, float(shares @ [model.worst for model in self.models]))
            own = self._paid([candidates.costs[name] for name in self.costs], prices)
            gain = expected_hypervolume_improvement(mean, deviation, own, stairs, self._dearest(prices))
        else:
            gain = expected_improvement(mean, deviation, values.max())
        return self.archive.build(candidates.codes[gain.argmax()], rng)

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

    def _candidates(self, leaders: Codes, rng: np.random.Generator) -> Candidates:
        """Unseen ones inside the window: edits of the leaders, and some drawn anew."""
        afresh = self.domain.drawn(int(_AFRESH * _CANDIDATES), self.window, rng)
        count = _CANDIDATES - len(afresh.codes)
        parents, edits = leaders[rng.integers(len(leaders), size=count)], rng.integers(1, _EDITS + 1, count)
        edited = self.domain.mutated(parents, edits.tolist(), self.window, rng)
        codes = np.concatenate([afresh.codes, edited.codes])
        costs = {name: np.concatenate([afresh.costs[name], edited.costs[name]]) for name in self.domain.quantities}
        new = np.sort(np.unique(codes, axis=0, return_index=True)[1])
        new = new[~self.archive.is_seen(codes[new])]
        return Candidates(codes[new], {name: each[new] for name, each in costs.items()})
