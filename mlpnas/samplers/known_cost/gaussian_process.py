"""Gaussian process over answers and traits (Rasmussen and Williams, 2006), for a few hundred points.

    k(x, x') = (a exp(-sum_d w_d [x_d != x'_d]) exp(-v |f - f'|) + sum_d m_d [x_d = x'_d]
                + sum_t b_t exp(-|c_t - c'_t|^2 / (2 l_t^2)) + min(|f|, |f'|)) exp(g (c_0 + c'_0)) + s [same trial]

x: answers; each has an effect of its own (m) and one together with the others (a, w). A question that is asked in only
one of two architectures counts as answered differently. c: traits, which are numbers (log cost first, then scores), and
for every question of several stages the counts of each answer, because a mixer probably has the same effect in each
stage. f: log of the share of full training: its common effect is a random walk in f, its effect on single architectures
the factor with v. g: growth of the spread with the cost, below zero if cheap networks differ most. It and the logs of
a, s, v, b, l, w and m are learned together: maximum a posteriori under normal priors, by L-BFGS with exact gradients.
"""

import re
from collections.abc import Sequence
from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular  # type: ignore[import-untyped]
from scipy.linalg.lapack import dpotri  # type: ignore[import-untyped]
from scipy.optimize import minimize  # type: ignore[import-untyped]
from scipy.spatial.distance import cdist  # type: ignore[import-untyped]

from mlpnas.named import Scalar
from mlpnas.space.codes import Codes
from mlpnas.space.tree import Choose

Floats = NDArray[np.float64]
_LEAST_NOISE = 1e-6
_WIDE = 1.0  # standard deviation of the priors, in natural logs
_NARROW = 0.6  # for all but noise and fidelity, which few results would overfit
_BOUND = 10.0  # in these standard deviations
_UNIT = 0.15  # scale of growth in the optimisation, whose curvature is the largest
_STEPS = 80
_ENOUGH = 1e-5  # share of the loss that a step must gain


class Layout(NamedTuple):
    """Sizes (labels per question) and places (numbers of the same question in several stages)."""

    sizes: Sequence[int]
    places: Sequence[Sequence[int]] = ()

    @classmethod
    def of(cls, questions: Sequence[Choose]) -> "Layout":
        """Return the layout; questions are the same if their labels are and their paths differ only in digits."""
        found: dict[tuple[str, tuple[Scalar, ...]], list[int]] = {}
        for number, question in enumerate(questions):
            found.setdefault((re.sub(r"\d+", "", question.path), question.labels), []).append(number)
        sizes = [len(question.labels) for question in questions]
        return cls(sizes, [places for places in found.values() if len(places) > 1 and sizes[places[0]] > 1])


class Inputs(NamedTuple):
    """Inputs of the process: codes (n, questions), traits (n, traits) with log cost first, fidelity (n,) in logs."""

    codes: Codes
    traits: Floats
    fidelity: Floats

    def take(self, rows: NDArray[np.int64]) -> "Inputs":
        return Inputs(self.codes[rows], self.traits[rows], self.fidelity[rows])

    def join(self, other: "Inputs") -> "Inputs":
        return Inputs(
            np.concatenate([self.codes, other.codes]),
            np.concatenate([self.traits, other.traits]),
            np.concatenate([self.fidelity, other.fidelity]),
        )


class Parameters(NamedTuple):
    """Parameters in natural logs, but for growth (g).

    Heights (b) and lengths (l) are (trends,): traits, then counts; weights (w) and effects (m) are (questions,).
    """

    a: float
    noise: float
    fidelity: float
    growth: float
    heights: Floats
    lengths: Floats
    weights: Floats
    effects: Floats

    @classmethod
    def prior(cls, layout: Layout, traits: int) -> "Parameters":
        """Return the centre of the priors for outputs of variance 1: random architectures are nearly unrelated."""
        questions, places = len(layout.sizes), len(layout.places)
        heights, lengths = [0.3] * traits + [1 / max(places, 1)] * places, [1.0] * (traits + places)
        weights, effects = [3 / questions] * questions, [0.5 / questions] * questions
        logs = np.log(heights), np.log(lengths), np.log(weights), np.log(effects)
        return cls(0.0, log(0.01), log(0.1), 0.0, *logs)

    @classmethod
    def spread(cls, layout: Layout, traits: int) -> Floats:
        """Return the standard deviations (parameters,) of the priors."""
        others = 1 + 2 * (traits + len(layout.places) + len(layout.sizes))
        return np.array([_NARROW, _WIDE, _WIDE, *[_NARROW] * others])

    def flat(self) -> Floats:
        return np.concatenate([self[:4], *self[4:]])

    @classmethod
    def of(cls, flat: Floats, trends: int) -> "Parameters":
        (a, noise, fidelity, growth), heights, lengths, rest = np.split(flat, [4, 4 + trends, 4 + 2 * trends])
        return cls(float(a), float(noise), float(fidelity), float(growth), heights, lengths, *np.split(rest, 2))


class GaussianProcess:
    """A Gaussian process conditioned on outputs of about zero mean and unit variance.

    Args:
        inputs, outputs: (n,) the known points.
        extra_variance: (n,) noise variance of an output beyond the common noise.
    """

    def __init__(
        self,
        layout: Layout,
        parameters: Parameters,
        inputs: Inputs,
        outputs: Floats,
        extra_variance: Floats | float = 0.0,
    ) -> None:
        self.layout, self.parameters, self.inputs = layout, parameters, inputs
        covariance = Pairs(layout, inputs, inputs).covariance(parameters)
        noise = np.exp(parameters.noise) + _LEAST_NOISE + extra_variance
        self._factor = cho_factor(covariance + noise * np.eye(len(outputs)), lower=True)
        self._solved = cho_solve(self._factor, outputs)

    def predict(self, inputs: Inputs) -> tuple[Floats, Floats]:
        """Return mean and standard deviation (n,) of an output including noise, like the observed ones."""
        across = Pairs(self.layout, self.inputs, inputs).covariance(self.parameters)
        explained = solve_triangular(self._factor[0], across, lower=True)
        parts = self.parameters
        prior = np.exp(parts.a) + np.exp(parts.effects).sum() + np.exp(parts.heights).sum() - inputs.fidelity
        prior *= np.exp(2 * parts.growth * inputs.traits[:, 0])
        left = np.maximum(prior - (explained**2).sum(axis=0), 0.0)
        return across.T @ self._solved, np.sqrt(left + np.exp(parts.noise) + _LEAST_NOISE)


class Pairs:
    """The covariance of every pair of two sets of inputs, as a function of the parameters."""

    def __init__(self, layout: Layout, first: Inputs, second: Inputs) -> None:
        self.layout, self.traits = layout, first.traits.shape[1]
        self._costs = first.traits[:, 0], second.traits[:, 0]
        self._starts = np.cumsum([0, *(size + 1 for size in layout.sizes)])  # one more for not asked
        self._shapes = self._one_hot(first.codes), self._one_hot(second.codes)
        self._apart = np.abs(np.subtract.outer(first.fidelity, second.fidelity))
        self._drift = np.minimum.outer(-first.fidelity, -second.fidelity)
        both = self._features(first, self._shapes[0]), self._features(second, self._shapes[1])
        self._squares = np.array([cdist(one, two, "sqeuclidean") for one, two in zip(*both, strict=True)])

    def _features(self, inputs: Inputs, shapes: Floats) -> list[Floats]:
        """Return (n, numbers) for each trend: a trait, or counts of answers, scaled to a random distance of about 1."""
        found = list(inputs.traits.T[:, :, None])
        for places in self.layout.places:
            size = self.layout.sizes[places[0]]
            answers = [slice(at + 1, at + 1 + size) for at in self._starts[list(places)]]
            counts = np.sum([shapes[:, columns] for columns in answers], axis=0)
            found.append(counts / np.sqrt(2 * len(places) * (1 - 1 / size)))
        return found

    def _one_hot(self, codes: Codes) -> Floats:
        """Return one-hot codes (n, sum of sizes + 1)."""
        found = np.zeros((len(codes), self._starts[-1]))
        np.put_along_axis(found, codes + 1 + self._starts[:-1], 1.0, axis=1)
        return found

    def covariance(self, parameters: Parameters) -> Floats:
        """Return the covariance (first, second) without noise."""
        parts = self._similar(parameters) + self._smooth(parameters, self._trends(parameters))
        return self._cost_factor(parameters) * parts

    def _cost_factor(self, parameters: Parameters) -> Floats:
        """Return the factor (first, second) of the costs."""
        first, second = (np.exp(parameters.growth * costs) for costs in self._costs)
        return np.outer(first, second)

    def _smooth(self, parameters: Parameters, trends: Floats) -> Floats:
        """Return the kernel's terms (first, second) of single effects, trends and fidelity."""
        return self._agreed_weight(np.exp(parameters.effects)) + trends.sum(axis=0) + self._drift

    def _agreed_weight(self, weights: Floats) -> Floats:
        """Return (first, second): the sum of the weights of the questions with equal answers."""
        first, second = self._shapes
        return (first * np.repeat(weights, np.diff(self._starts))) @ second.T

    def _similar(self, parameters: Parameters) -> Floats:
        """Return the kernel's term (first, second) of all answers together, with fidelity."""
        weights = np.exp(parameters.weights)
        differ = weights.sum() - self._agreed_weight(weights)
        return np.exp(parameters.a - np.maximum(differ, 0.0) - np.exp(parameters.fidelity) * self._apart)

    def _trends(self, parameters: Parameters) -> Floats:
        """Return the kernel's terms (trends, first, second) of traits and counts."""
        lengths = np.exp(parameters.lengths)[:, None, None]
        return np.exp(parameters.heights[:, None, None] - self._squares / (2 * lengths**2))

    def loss(self, flat: Floats, outputs: Floats, extra_variance: Floats | float = 0.0) -> tuple[float, Floats]:
        """Return the negative log posterior and its gradient; both sets of inputs belong to the outputs (n,)."""
        parameters = Parameters.of(flat, len(self._squares))
        prior, deviation = Parameters.prior(self.layout, self.traits), Parameters.spread(self.layout, self.traits)
        off = (flat - prior.flat()) / deviation
        similar, trends = self._similar(parameters), self._trends(parameters)
        grown, noise = self._cost_factor(parameters), np.exp(parameters.noise)
        covariance = grown * (similar + self._smooth(parameters, trends))
        factor = cho_factor(covariance + (noise + _LEAST_NOISE + extra_variance) * np.eye(len(outputs)), lower=True)
        solved = cho_solve(factor, outputs)
        loss = outputs @ solved / 2 + np.log(np.diag(factor[0])).sum() + off @ off / 2
        lower = np.tril(dpotri(factor[0], lower=True)[0])
        inverse = lower + np.tril(lower, -1).T
        pull = (inverse - np.outer(solved, solved)) / 2  # d loss / d covariance
        inner = pull * grown
        through = inner * similar
        gradient = [
            through.sum(),
            noise * np.trace(pull),
            -np.exp(parameters.fidelity) * (through * self._apart).sum(),
            2 * (pull * covariance).sum(axis=0) @ self._costs[0],
            *np.tensordot(trends, inner),
            *np.tensordot(trends * self._squares, inner) / np.exp(2 * parameters.lengths),
            *(-np.exp(parameters.weights) * (through.sum() - self._agreement(through))),
            *(np.exp(parameters.effects) * self._agreement(inner)),
        ]
        return float(loss), np.array(gradient) + off / deviation

    def _agreement(self, pairs: Floats) -> Floats:
        """Return (questions,): the sum of `pairs` (n, n) over those with equal answers to the question."""
        shape = self._shapes[0]
        return np.add.reduceat(((pairs @ shape) * shape).sum(axis=0), self._starts[:-1])


def learn(layout: Layout, inputs: Inputs, outputs: Floats, extra_variance: Floats | float = 0.0) -> Parameters:
    """Return the most probable parameters.

    Raises:
        LinAlgError: a covariance cannot be factored.
    """
    traits = inputs.traits.shape[1]
    prior, deviation = Parameters.prior(layout, traits).flat(), Parameters.spread(layout, traits)
    pairs, unit = Pairs(layout, inputs, inputs), np.ones_like(prior)
    unit[Parameters._fields.index("growth")] = _UNIT

    def loss(steps: Floats) -> tuple[float, Floats]:
        found, gradient = pairs.loss(prior + unit * steps, outputs, extra_variance)
        return found, gradient * unit

    furthest = _BOUND * deviation / unit
    found = minimize(
        loss,
        np.zeros_like(prior),
        jac=True,
        method="L-BFGS-B",
        bounds=np.stack([-furthest, furthest], axis=1),
        options={"maxiter": _STEPS, "ftol": _ENOUGH},
    )
    return Parameters.of(prior + unit * found.x, traits + len(layout.places))
