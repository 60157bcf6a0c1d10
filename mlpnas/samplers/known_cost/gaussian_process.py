"""Gaussian process over answers and traits (Rasmussen and Williams, 2006), for a few hundred points.

    k(x, x') = (a exp(-sum_d w_d [x_d != x'_d]) exp(-v |f - f'|) + sum_d m_d [x_d = x'_d]
                + sum_t b_t exp(-|c_t - c'_t|^2 / (2 l_t^2)) + min(|f|, |f'|)) exp(g (c_0 + c'_0)) + s [same trial]

x: answers; that to a question has an effect of its own (m), and one together with the others (a, w). A question that
only one of two architectures is asked is answered differently. c: traits, which are numbers (log cost first, then what
scores say), and of every question that is asked at several places how often each answer was given: what a mixer does
in one stage, it is likely to do in the others. f: log of the share of the whole training: what less training takes off
all alike is a random walk in it, what it takes off each is the factor in v. g: how the spread of all this grows with
the cost; below zero where cheap networks differ most. It and the logs of a, s, v, b, l, w and m are learned together:
maximum a posteriori under normal priors, by L-BFGS with the exact gradient.
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
_NARROW = 0.6  # of all but noise and fidelity: few results make one too sure of them
_BOUND = 10.0  # of these standard deviations
_UNIT = 0.15  # of growth, in the search for the parameters: on its scale the loss bends most
_STEPS = 80
_ENOUGH = 1e-5  # share of the loss that a step must gain


class Layout(NamedTuple):
    """sizes: number of labels of each question; places: numbers of those that are one, asked at several places."""

    sizes: Sequence[int]
    places: Sequence[Sequence[int]] = ()

    @classmethod
    def of(cls, questions: Sequence[Choose]) -> "Layout":
        """The same is asked where the labels are the same and the paths differ in digits alone."""
        found: dict[tuple[str, tuple[Scalar, ...]], list[int]] = {}
        for number, question in enumerate(questions):
            found.setdefault((re.sub(r"\d+", "", question.path), question.labels), []).append(number)
        sizes = [len(question.labels) for question in questions]
        return cls(sizes, [places for places in found.values() if len(places) > 1 and sizes[places[0]] > 1])


class Inputs(NamedTuple):
    """codes: (n, questions); traits: (n, traits), log cost first; fidelity: (n,) in logs."""

    codes: Codes
    traits: Floats
    fidelity: Floats

    def take(self, rows: NDArray[np.int64]) -> "Inputs":
        return Inputs(self.codes[rows], self.traits[rows], self.fidelity[rows])

    def joined(self, other: "Inputs") -> "Inputs":
        return Inputs(
            np.concatenate([self.codes, other.codes]),
            np.concatenate([self.traits, other.traits]),
            np.concatenate([self.fidelity, other.fidelity]),
        )


class Parameters(NamedTuple):
    """All but growth (g) in natural logs; heights (b), lengths (l): (trends,); weights (w), effects (m): (questions,)

    Trends are those of the traits, then those of the counts.
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
        """The centre of the priors, for outputs of variance 1: two random architectures are nearly unrelated."""
        questions, places = len(layout.sizes), len(layout.places)
        heights, lengths = [0.3] * traits + [1 / max(places, 1)] * places, [1.0] * (traits + places)
        weights, effects = [3 / questions] * questions, [0.5 / questions] * questions
        logs = np.log(heights), np.log(lengths), np.log(weights), np.log(effects)
        return cls(0.0, log(0.01), log(0.1), 0.0, *logs)

    @classmethod
    def doubt(cls, layout: Layout, traits: int) -> Floats:
        """(parameters,) standard deviations of the priors."""
        others = 1 + 2 * (traits + len(layout.places) + len(layout.sizes))
        return np.array([_NARROW, _WIDE, _WIDE, *[_NARROW] * others])

    def flat(self) -> Floats:
        return np.concatenate([self[:4], *self[4:]])

    @classmethod
    def of(cls, flat: Floats, trends: int) -> "Parameters":
        (a, noise, fidelity, growth), heights, lengths, rest = np.split(flat, [4, 4 + trends, 4 + 2 * trends])
        return cls(float(a), float(noise), float(fidelity), float(growth), heights, lengths, *np.split(rest, 2))


class GaussianProcess:
    """Conditioned on outputs of about zero mean and unit variance.

    Args:
        inputs, outputs: (n,) what is known.
        vague: (n,) variance of an output beyond the noise.
    """

    def __init__(
        self, layout: Layout, parameters: Parameters, inputs: Inputs, outputs: Floats, vague: Floats | float = 0.0
    ) -> None:
        self.layout, self.parameters, self.inputs = layout, parameters, inputs
        covariance = Pairs(layout, inputs, inputs).covariance(parameters)
        noise = np.exp(parameters.noise) + _LEAST_NOISE + vague
        self._factor = cho_factor(covariance + noise * np.eye(len(outputs)), lower=True)
        self._solved = cho_solve(self._factor, outputs)

    def predict(self, inputs: Inputs) -> tuple[Floats, Floats]:
        """Mean and standard deviation of an output, noise included, (n,) each: what is told is as noisy."""
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
        self._starts = np.cumsum([0, *(size + 1 for size in layout.sizes)])  # one more: not asked
        self._shapes = self._one_hot(first.codes), self._one_hot(second.codes)
        self._apart = np.abs(np.subtract.outer(first.fidelity, second.fidelity))
        self._drift = np.minimum.outer(-first.fidelity, -second.fidelity)
        both = self._features(first, self._shapes[0]), self._features(second, self._shapes[1])
        self._squares = np.array([cdist(one, two, "sqeuclidean") for one, two in zip(*both, strict=True)])

    def _features(self, inputs: Inputs, shapes: Floats) -> list[Floats]:
        """(n, numbers) for each trend: a trait, or how often each answer was given, at random about 1 apart."""
        found = list(inputs.traits.T[:, :, None])
        for places in self.layout.places:
            size = self.layout.sizes[places[0]]
            answers = [slice(at + 1, at + 1 + size) for at in self._starts[list(places)]]
            counts = np.sum([shapes[:, columns] for columns in answers], axis=0)
            found.append(counts / np.sqrt(2 * len(places) * (1 - 1 / size)))
        return found

    def _one_hot(self, codes: Codes) -> Floats:
        """(n, sum of sizes + 1)"""
        found = np.zeros((len(codes), self._starts[-1]))
        np.put_along_axis(found, codes + 1 + self._starts[:-1], 1.0, axis=1)
        return found

    def covariance(self, parameters: Parameters) -> Floats:
        """(first, second), without noise."""
        parts = self._similar(parameters) + self._smooth(parameters, self._trends(parameters))
        return self._grown(parameters) * parts

    def _grown(self, parameters: Parameters) -> Floats:
        """(first, second): the factor that the costs make."""
        first, second = (np.exp(parameters.growth * costs) for costs in self._costs)
        return np.outer(first, second)

    def _smooth(self, parameters: Parameters, trends: Floats) -> Floats:
        """All but how similar two sets of answers are."""
        return self._agreeing(np.exp(parameters.effects)) + trends.sum(axis=0) + self._drift

    def _agreeing(self, weights: Floats) -> Floats:
        """(first, second): the sum of the weights of the questions that are answered alike."""
        first, second = self._shapes
        return (first * np.repeat(weights, np.diff(self._starts))) @ second.T

    def _similar(self, parameters: Parameters) -> Floats:
        """The part of the kernel that answers together and fidelity make."""
        weights = np.exp(parameters.weights)
        differ = weights.sum() - self._agreeing(weights)
        return np.exp(parameters.a - np.maximum(differ, 0.0) - np.exp(parameters.fidelity) * self._apart)

    def _trends(self, parameters: Parameters) -> Floats:
        """(trends, first, second): the parts that traits and counts make."""
        lengths = np.exp(parameters.lengths)[:, None, None]
        return np.exp(parameters.heights[:, None, None] - self._squares / (2 * lengths**2))

    def loss(self, flat: Floats, outputs: Floats, vague: Floats | float = 0.0) -> tuple[float, Floats]:
        """Negative log posterior of the parameters, and its gradient; both sets are those of the outputs (n,)."""
        parameters = Parameters.of(flat, len(self._squares))
        prior, doubt = Parameters.prior(self.layout, self.traits), Parameters.doubt(self.layout, self.traits)
        off = (flat - prior.flat()) / doubt
        similar, trends = self._similar(parameters), self._trends(parameters)
        grown, noise = self._grown(parameters), np.exp(parameters.noise)
        covariance = grown * (similar + self._smooth(parameters, trends))
        factor = cho_factor(covariance + (noise + _LEAST_NOISE + vague) * np.eye(len(outputs)), lower=True)
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
        return float(loss), np.array(gradient) + off / doubt

    def _agreement(self, pairs: Floats) -> Floats:
        """(questions,): the sum of `pairs` (n, n) over those that answer the question alike."""
        shape = self._shapes[0]
        return np.add.reduceat(((pairs @ shape) * shape).sum(axis=0), self._starts[:-1])


def learned(layout: Layout, inputs: Inputs, outputs: Floats, vague: Floats | float = 0.0) -> Parameters:
    """The most probable parameters.

    Raises:
        LinAlgError: a covariance that cannot be factored.
    """
    traits = inputs.traits.shape[1]
    prior, doubt = Parameters.prior(layout, traits).flat(), Parameters.doubt(layout, traits)
    pairs, unit = Pairs(layout, inputs, inputs), np.ones_like(prior)
    unit[Parameters._fields.index("growth")] = _UNIT

    def loss(steps: Floats) -> tuple[float, Floats]:
        found, gradient = pairs.loss(prior + unit * steps, outputs, vague)
        return found, gradient * unit

    furthest = _BOUND * doubt / unit
    found = minimize(
        loss,
        np.zeros_like(prior),
        jac=True,
        method="L-BFGS-B",
        bounds=np.stack([-furthest, furthest], axis=1),
        options={"maxiter": _STEPS, "ftol": _ENOUGH},
    )
    return Parameters.of(prior + unit * found.x, traits + len(layout.places))
