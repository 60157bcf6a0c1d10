"""The model of known_cost, piece by piece: against finite differences, sampling and closed cases."""

import numpy as np
import pytest
from scipy.integrate import quad  # type: ignore[import-untyped]
from scipy.optimize import check_grad
from scipy.stats import t as student  # type: ignore[import-untyped]

from mlpnas.samplers.known_cost.gaussian_process import GaussianProcess, Inputs, Layout, Pairs, Parameters, learn
from mlpnas.samplers.known_cost.improvement import (
    AttainmentCurve,
    expected_hypervolume_improvement,
    expected_improvement,
    heavy_tailed_improvement,
)
from mlpnas.space.tree import Choose, Fixed, Option

SIZES = [3, 2, 4, 3]
LAYOUT = Layout(SIZES, [[0, 3]])


def _inputs(count: int, seed: int = 0, traits: int = 1) -> Inputs:
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(-1, size, count) for size in SIZES], axis=1).astype(np.int16)
    return Inputs(codes, rng.normal(size=(count, traits)), rng.choice([0.0, np.log(0.1)], count))


def _parameters(seed: int, traits: int = 1) -> Parameters:
    return Parameters.of(np.random.default_rng(seed).normal(-1, 0.5, 4 + 2 * (traits + 1) + 2 * len(SIZES)), traits + 1)


def test_covariance_is_the_formula() -> None:
    first, second, parameters = _inputs(5, traits=2), _inputs(4, 1, traits=2), _parameters(2, traits=2)
    a, _, fidelity = np.exp(parameters[:3])
    heights, lengths, weights, effects = (np.exp(each) for each in parameters[4:])
    for i in range(5):
        for j in range(4):
            differ = (weights * (first.codes[i] != second.codes[j])).sum()
            apart = fidelity * abs(first.fidelity[i] - second.fidelity[j])
            counts = [
                [sum(codes[[0, 3]] == label) for label in range(3)] for codes in (first.codes[i], second.codes[j])
            ]
            counted = sum((one - two) ** 2 for one, two in zip(*counts, strict=True)) / (2 * 2 * (1 - 1 / 3))
            squares = np.append((first.traits[i] - second.traits[j]) ** 2, counted)
            trends = heights * np.exp(-squares / (2 * lengths**2))
            drift = min(-first.fidelity[i], -second.fidelity[j])
            alone = (effects * (first.codes[i] == second.codes[j])).sum()
            grown = np.exp(parameters.growth * (first.traits[i, 0] + second.traits[j, 0]))
            expected = grown * (a * np.exp(-differ - apart) + alone + trends.sum() + drift)
            assert Pairs(LAYOUT, first, second).covariance(parameters)[i, j] == pytest.approx(expected)


@pytest.mark.parametrize("traits", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_gradient_is_that_of_the_loss(seed: int, traits: int) -> None:
    inputs, outputs = _inputs(15, traits=traits), np.random.default_rng(seed).normal(size=15)
    loss, variance = Pairs(LAYOUT, inputs, inputs).loss, np.linspace(0, 0.5, 15)
    at = _parameters(seed, traits).flat()
    assert check_grad(lambda x: loss(x, outputs, variance)[0], lambda x: loss(x, outputs, variance)[1], at) < 1e-3


def test_learns_which_question_matters() -> None:
    inputs = _inputs(80)._replace(fidelity=np.zeros(80))
    outputs = np.where(inputs.codes[:, 2] == 1, 1.0, -0.5)
    found = learn(LAYOUT, inputs, outputs)
    assert found.effects.argmax() == 2
    outputs = np.where((inputs.codes[:, 1] == 1) == (inputs.codes[:, 2] == 1), 1.0, -0.5)  # neither has one alone
    assert set(learn(LAYOUT, inputs, outputs).weights.argsort()[:2]) == {0, 3}


@pytest.mark.parametrize("sign", [-1, 1])
def test_learns_at_which_cost_results_differ_most(sign: int) -> None:
    rng, inputs = np.random.default_rng(0), _inputs(80)._replace(fidelity=np.zeros(80))
    effects = [rng.normal(size=size + 1) for size in SIZES]  # the last: not asked
    outputs = np.sum([each[codes] for each, codes in zip(effects, inputs.codes.T, strict=True)], axis=0)
    outputs *= np.exp(sign * inputs.traits[:, 0]) / outputs.std()
    parameters = learn(LAYOUT, inputs, outputs)
    assert sign * parameters.growth > 0.5
    ends = Inputs(np.array([[0, 0, 3, 1]] * 2, np.int16), np.array([[-2.0], [2.0]]), np.zeros(2))
    cheap, dear = GaussianProcess(LAYOUT, parameters, inputs, outputs).predict(ends)[1]
    assert sign * np.log(dear / cheap) > 1


def test_knows_which_questions_are_one_asked_at_several_places() -> None:
    asked = {"stage1.mixer": "ab", "stage2.mixer": "ab", "stage1.depth": "ab", "stage3.mixer": "abc", "stem": "ab"}
    questions = [Choose(path, tuple(Option(each, Fixed(each)) for each in labels)) for path, labels in asked.items()]
    assert Layout.of(questions) == Layout([2, 2, 2, 3, 2], [[0, 1]])


@pytest.mark.parametrize("seed", range(3))
def test_the_effect_of_an_answer_carries_over_to_other_stages(seed: int) -> None:
    """Label 2 is good, and was not seen at the last place."""
    rng = np.random.default_rng(seed)
    codes = np.concatenate([rng.integers(0, 3, (40, 3)), rng.integers(0, 2, (40, 1))], axis=1).astype(np.int16)
    good = (codes == 2).sum(axis=1)
    inputs, outputs = Inputs(codes, rng.normal(size=(40, 1)), np.zeros(40)), (good - good.mean()) / good.std()
    asked = Inputs(np.array([[0, 1, 0, 2], [0, 1, 0, 1]], np.int16), np.zeros((2, 1)), np.zeros(2))

    def gain(places: list[list[int]]) -> float:
        layout = Layout([3] * 4, places)
        better, worse = GaussianProcess(layout, learn(layout, inputs, outputs), inputs, outputs).predict(asked)[0]
        return float(better - worse)

    assert gain([[0, 1, 2, 3]]) > 0.1
    assert gain([]) == pytest.approx(0, abs=0.05)


def test_predicts_what_it_was_told_and_doubts_the_rest() -> None:
    inputs = _inputs(12)._replace(fidelity=np.zeros(12))
    codes, rows = np.unique(inputs.codes, axis=0, return_index=True)
    inputs, outputs = inputs.take(rows), np.linspace(-1, 1, len(codes))
    parameters = Parameters.prior(LAYOUT, 1)._replace(noise=np.log(1e-5))
    mean, deviation = GaussianProcess(LAYOUT, parameters, inputs, outputs).predict(inputs)
    assert mean == pytest.approx(outputs, abs=0.01)
    away = Inputs(np.full((1, 4), 5, np.int16) % np.array(SIZES, np.int16), np.array([[9.0]]), np.zeros(1))
    assert GaussianProcess(LAYOUT, parameters, inputs, outputs).predict(away)[1][0] > 3 * deviation.max()


def test_extra_variance_lowers_the_weight_of_a_point() -> None:
    inputs = _inputs(1)._replace(fidelity=np.zeros(1))
    processes = [
        GaussianProcess(LAYOUT, Parameters.prior(LAYOUT, 1), inputs, np.array([-1.0]), np.array([variance]))
        for variance in (0.0, 0.5)
    ]
    (clear, sure), (variance, unsure) = (process.predict(inputs) for process in processes)
    assert clear[0] < variance[0] < 0
    assert sure[0] < unsure[0]


def test_expected_improvement_against_sampling() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.normal(0.3, 0.7, 400_000)
    found = expected_improvement(np.array([0.3]), np.array([0.7]), 0.5)[0]
    assert found == pytest.approx(np.maximum(drawn - 0.5, 0).mean(), rel=0.01)


@pytest.mark.parametrize("mean", [-2.0, 0.3, 1.5])
def test_heavy_tailed_improvement_against_integration(mean: float) -> None:
    found = heavy_tailed_improvement(np.array([mean]), np.array([0.7]), 0.5)[0]
    exact, _ = quad(lambda y: (y - 0.5) * student.pdf(y, 4, mean, 0.7), 0.5, np.inf)
    assert found == pytest.approx(exact, rel=1e-6)


def test_where_little_is_left_to_gain_the_less_known_comes_first() -> None:
    mean, deviation = np.array([0.5, -1.0]), np.array([0.3, 0.8])
    normal, heavy = (gain(mean, deviation, 1.0) for gain in (expected_improvement, heavy_tailed_improvement))
    assert normal.argmax() == 0
    assert heavy.argmax() == 1


def test_staircase_keeps_the_best_at_each_cost() -> None:
    curve = AttainmentCurve.of(np.array([3.0, 1.0, 2.0, 2.0]), np.array([0.4, 0.2, 0.6, 0.5]), worst=0.1)
    assert curve.costs.tolist() == [-np.inf, 1.0, 2.0]
    assert curve.levels.tolist() == [0.1, 0.2, 0.6]
    assert curve.at(np.array([0.5, 1.0, 9.0])).tolist() == [0.1, 0.2, 0.6]


@pytest.mark.parametrize("cost", [0.5, 1.5, 2.0, 4.0, 6.0])
def test_expected_hypervolume_improvement_against_sampling(cost: float) -> None:
    rng = np.random.default_rng(1)
    curve = AttainmentCurve.of(np.array([1.0, 2.0, 4.0]), np.array([0.2, 0.6, 0.7]), worst=0.0)
    grid = np.linspace(0, 5, 2001)
    levels = curve.at(grid)
    drawn = rng.normal(0.5, 0.3, 2000)
    gains = [(np.maximum(value - levels, 0) * (grid >= cost)).mean() * 5 for value in drawn]
    found = expected_hypervolume_improvement(np.array([0.5]), np.array([0.3]), np.array([cost]), curve, 5.0)[0]
    assert found == pytest.approx(np.mean(gains), abs=0.03)
