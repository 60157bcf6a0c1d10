"""Front, hypervolume and knee against plain definitions of them."""

from itertools import product

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlpnas import pareto

WAYS = ("maximize", "minimize")
COORDINATES = st.integers(0, 6).map(float)  # few values, so that ties are common


@st.composite
def problems(draw: st.DrawFn, objectives: int | None = None) -> tuple[pareto.Points, list[str]]:
    """Points, (rows, objectives), with the direction of each objective."""
    count = objectives or draw(st.integers(1, 4))
    points = draw(arrays(float, (draw(st.integers(1, 12)), count), elements=COORDINATES))
    return points, [draw(st.sampled_from(WAYS)) for _ in range(count)]


def beats(a: np.ndarray, b: np.ndarray, directions: list[str]) -> bool:
    """a is no worse than b in every objective, and better in one."""
    signed = [(x, y) if way == "maximize" else (y, x) for x, y, way in zip(a, b, directions, strict=True)]
    return all(x >= y for x, y in signed) and any(x > y for x, y in signed)


@given(problems())
def test_front_is_what_nothing_beats(problem: tuple[pareto.Points, list[str]]) -> None:
    points, directions = problem
    wanted = [not any(beats(other, point, directions) for other in points) for point in points]
    assert pareto.on_front(points, directions).tolist() == wanted


def test_equal_points_are_all_kept() -> None:
    points = np.array([[0.9, 5.0], [0.9, 5.0], [0.8, 5.0]])
    assert pareto.on_front(points, ["maximize", "minimize"]).tolist() == [True, True, False]


def test_no_points_no_front() -> None:
    assert pareto.on_front(np.zeros((0, 2)), ["maximize", "minimize"]).tolist() == []
    assert pareto.hypervolume(np.zeros((0, 2)), ["maximize", "minimize"], [0, 1]) == 0


def cells(points: pareto.Points, directions: list[str], reference: list[float]) -> float:
    """Hypervolume by counting the unit cells between the reference and any of the points."""

    def covered(cell: tuple[int, ...]) -> bool:
        spans = [(low, low + 1) for low in cell]
        return any(
            all(
                (r <= low and high <= x) if way == "maximize" else (x <= low and high <= r)
                for (low, high), x, r, way in zip(spans, point, reference, directions, strict=True)
            )
            for point in points
        )

    volume = sum(covered(cell) for cell in product(range(7), repeat=len(directions)))
    scale = [r for r, way in zip(reference, directions, strict=True) if way == "minimize"]
    return volume / float(np.prod(scale))


@given(problems(objectives=2), st.integers(0, 3), st.integers(3, 6))
def test_hypervolume_is_the_area_under_the_staircase(
    problem: tuple[pareto.Points, list[str]], low: int, high: int
) -> None:
    points, directions = problem
    reference = [float(low if way == "maximize" else high) for way in directions]
    assert pareto.hypervolume(points, directions, reference) == pytest.approx(cells(points, directions, reference))


@given(problems(objectives=3))
def test_hypervolume_in_three_objectives(problem: tuple[pareto.Points, list[str]]) -> None:
    points, directions = problem
    reference = [0.0 if way == "maximize" else 6.0 for way in directions]
    assert pareto.hypervolume(points, directions, reference) == pytest.approx(cells(points, directions, reference))


def test_hypervolume_is_a_share_of_the_box_under_a_budget() -> None:
    ways = ["maximize", "minimize"]
    assert pareto.hypervolume(np.array([[1.0, 0.0]]), ways, [0, 15e9]) == pytest.approx(1)
    assert pareto.hypervolume(np.array([[0.5, 7.5e9]]), ways, [0, 15e9]) == pytest.approx(0.25)
    assert pareto.hypervolume(np.array([[0.5, 20e9]]), ways, [0, 15e9]) == 0


@given(problems())
def test_a_further_point_never_shrinks_the_hypervolume(problem: tuple[pareto.Points, list[str]]) -> None:
    points, directions = problem
    reference = [0.0 if way == "maximize" else 6.0 for way in directions]
    less = pareto.hypervolume(points[:-1], directions, reference)
    assert pareto.hypervolume(points, directions, reference) >= less - 1e-12


@given(problems())
def test_knee_is_one_of_them_and_stays_under_scaling(problem: tuple[pareto.Points, list[str]]) -> None:
    points, directions = problem
    row = pareto.knee(points, directions)
    assert 0 <= row < len(points)
    assert pareto.knee(points * 1024, directions) == row  # a power of two: no rounding


def test_knee_is_the_bend_and_not_an_end() -> None:
    points = np.array([[0.50, 1e6], [0.90, 2e6], [0.92, 10e6]])
    assert pareto.knee(points, ["maximize", "minimize"]) == 1
    assert pareto.knee(np.array([[0.9, 1e6]]), ["maximize", "minimize"]) == 0


@given(st.sampled_from(WAYS), st.floats(-1e6, 1e6), st.floats(0, 1e6))
@example("maximize", 5e-324, 1.0)
def test_a_reference_made_from_one_value_leaves_a_volume(way: str, first: float, macs: float) -> None:
    corner = [pareto.worse(first, way), macs + 1]
    assert pareto.hypervolume(np.array([[first, macs]]), [way, "minimize"], corner) > 0


def test_a_cost_without_a_worst_value_has_twice_the_first() -> None:
    assert pareto.worse(0.003, "minimize") == 0.006
