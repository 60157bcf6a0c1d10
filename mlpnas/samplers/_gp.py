"""Gaussian process over answers and cost (Rasmussen and Williams, 2006), for a few hundred points.

    k(x, x') = a exp(-sum_d w_d [x_d != x'_d]) exp(-v |f - f'|) + b exp(-(c - c')^2 / (2 l^2)) + min(|f|, |f'|)
               + s [same trial]

x: answers, with one weight per question; a question counts where two architectures answer it differently and where
only one of them is asked. c: log cost. f: log of the share of the whole training: what less training takes off all
alike is a random walk in it, what it takes off each is the factor in v. The logs of a, b, l, s, v and w are learned
together: maximum a posteriori under wide normal priors, by L-BFGS with the exact gradient.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular  # type: ignore[import-untyped]
from scipy.optimize import minimize  # type: ignore[import-untyped]

from mlpnas.space.codes import Codes

Floats = NDArray[np.float64]
_LEAST_NOISE = 1e-6
_WIDE = 1.0  # standard deviation of the priors, in natural logs
_BOUND = 10.0
_STEPS = 80


class Inputs(NamedTuple):
    """codes: (n, questions); cost, fidelity: (n,) in logs."""

    codes: Codes
    cost: Floats
    fidelity: Floats

    def take(self, rows: NDArray[np.int64]) -> "Inputs":
        return Inputs(self.codes[rows], self.cost[rows], self.fidelity[rows])

    def joined(self, other: "Inputs") -> "Inputs":
        return Inputs(
            np.concatenate([self.codes, other.codes]),
            np.concatenate([self.cost, other.cost]),
            np.concatenate([self.fidelity, other.fidelity]),
        )


class Parameters(NamedTuple):
    """All in natural logs; weights: (questions,)"""

    a: float
    b: float
    length: float
    noise: float
    fidelity: float
    weights: Floats

    @classmethod
    def prior(cls, questions: int) -> "Parameters":
        """The centre of the priors, for outputs of variance 1: two random architectures are nearly unrelated."""
        return cls.of(np.log([1.0, 0.3, 1.0, 0.01, 0.1, *[3 / questions] * questions]))

    def flat(self) -> Floats:
        return np.concatenate([self[:-1], self.weights])

    @classmethod
    def of(cls, flat: Floats) -> "Parameters":
        a, b, length, noise, fidelity = flat[:5].tolist()
        return cls(a, b, length, noise, fidelity, flat[5:])


class GaussianProcess:
    """Conditioned on outputs of about zero mean and unit variance.

    Args:
        sizes: number of labels of each question.
        inputs, outputs: (n,) what is known.
    """

    def __init__(self, sizes: Sequence[int], parameters: Parameters, inputs: Inputs, outputs: Floats) -> None:
        self.kernel = Kernel(sizes)
        self.parameters, self.inputs = parameters, inputs
        covariance = self.kernel.covariance(parameters, inputs, inputs)
        noise = np.exp(parameters.noise) + _LEAST_NOISE
        self._factor = cho_factor(covariance + noise * np.eye(len(outputs)), lower=True)
        self._solved = cho_solve(self._factor, outputs)

    def predict(self, inputs: Inputs) -> tuple[Floats, Floats]:
        """Mean and standard deviation of an output, noise included, (n,) each: what is told is as noisy."""
        across = self.kernel.covariance(self.parameters, self.inputs, inputs)
        explained = solve_triangular(self._factor[0], across, lower=True)
        parts = self.parameters
        own = np.exp(parts.a) + np.exp(parts.b) - inputs.fidelity - (explained**2).sum(axis=0)
        return across.T @ self._solved, np.sqrt(np.maximum(own, 0.0) + np.exp(parts.noise) + _LEAST_NOISE)


class Kernel:
    def __init__(self, sizes: Sequence[int]) -> None:
        self._starts = np.cumsum([0, *(size + 1 for size in sizes)])  # one more: not asked

    def one_hot(self, codes: Codes) -> Floats:
        """(n, sum of sizes + 1)"""
        found = np.zeros((len(codes), self._starts[-1]))
        np.put_along_axis(found, codes + 1 + self._starts[:-1], 1.0, axis=1)
        return found

    def _similar(self, parameters: Parameters, first: Inputs, second: Inputs) -> Floats:
        """The part of the kernel that answers and fidelity make."""
        weights = np.exp(parameters.weights)
        each = np.repeat(weights, np.diff(self._starts))
        differ = weights.sum() - (self.one_hot(first.codes) * each) @ self.one_hot(second.codes).T
        apart = np.exp(parameters.fidelity) * np.abs(np.subtract.outer(first.fidelity, second.fidelity))
        return np.exp(parameters.a - np.maximum(differ, 0.0) - apart)

    def covariance(self, parameters: Parameters, first: Inputs, second: Inputs) -> Floats:
        """(first, second), without noise."""
        scaled = np.subtract.outer(first.cost, second.cost) / np.exp(parameters.length)
        return self._similar(parameters, first, second) + np.exp(parameters.b - scaled**2 / 2) + _drift(first, second)

    def loss(self, flat: Floats, inputs: Inputs, outputs: Floats) -> tuple[float, Floats]:
        """Negative log posterior of the parameters, and its gradient."""
        parameters, prior = Parameters.of(flat), Parameters.prior(len(self._starts) - 1).flat()
        similar = self._similar(parameters, inputs, inputs)
        scaled = np.subtract.outer(inputs.cost, inputs.cost) / np.exp(parameters.length)
        trend = np.exp(parameters.b - scaled**2 / 2)
        noise, one = np.exp(parameters.noise), np.eye(len(outputs))
        factor = cho_factor(similar + trend + _drift(inputs, inputs) + (noise + _LEAST_NOISE) * one, lower=True)
        solved = cho_solve(factor, outputs)
        loss = outputs @ solved / 2 + np.log(np.diag(factor[0])).sum() + (((flat - prior) / _WIDE) ** 2).sum() / 2
        pull = (cho_solve(factor, one) - np.outer(solved, solved)) / 2  # d loss / d covariance
        through, shape = pull * similar, self.one_hot(inputs.codes)
        agree = np.add.reduceat(((through @ shape) * shape).sum(axis=0), self._starts[:-1])
        apart = np.abs(np.subtract.outer(inputs.fidelity, inputs.fidelity))
        gradient = [
            through.sum(),
            (pull * trend).sum(),
            (pull * trend * scaled**2).sum(),
            noise * np.trace(pull),
            -np.exp(parameters.fidelity) * (through * apart).sum(),
            *(-np.exp(parameters.weights) * (through.sum() - agree)),
        ]
        return float(loss), np.array(gradient) + (flat - prior) / _WIDE**2


def _drift(first: Inputs, second: Inputs) -> Floats:
    return np.minimum.outer(-first.fidelity, -second.fidelity)


def learned(sizes: Sequence[int], inputs: Inputs, outputs: Floats) -> Parameters:
    """The most probable parameters.

    Raises:
        LinAlgError: a covariance that cannot be factored.
    """
    start = Parameters.prior(len(sizes)).flat()
    found = minimize(
        Kernel(sizes).loss,
        start,
        (inputs, outputs),
        jac=True,
        method="L-BFGS-B",
        bounds=[(middle - _BOUND, middle + _BOUND) for middle in start],
        options={"maxiter": _STEPS},
    )
    return Parameters.of(found.x)
