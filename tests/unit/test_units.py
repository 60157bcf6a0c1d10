import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpnas.errors import UnitError
from mlpnas.units import Limit, count, duration, seconds, show

SAME = [
    ("15GFLOPs", "15000MFLOPs"),
    ("15GFLOPs", "15GMACs"),
    ("15GFLOPs", "15 GFLOPs"),
    ("30Mparams", "30000kparams"),
    ("0.5GMACs", "500MFLOPs"),
    ("2GiB", "2048MiB"),
    ("12ms", "0.012s"),
]
WRONG = [
    "15",
    "15G",
    "-3GFLOPs",
    "0GMACs",
    "",
    "GFLOPs",
    "1e999GMACs",
    "15gflop",
    "3 apples",
    "nanGMACs",
    "15GFLOPs!",
    None,
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_different_words_for_one_limit(one: str, other: str) -> None:
    assert Limit.parse(one) == Limit.parse(other)


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_budget_is_refused_with_examples(text: object) -> None:
    with pytest.raises(UnitError, match="15GFLOPs"):
        Limit.parse(text)


@given(st.floats(1e-3, 1e6), st.sampled_from(["kMACs", "MMACs", "GMACs", "Mparams", "MiB", "ms"]))
def test_what_is_shown_can_be_read_back(number: float, unit: str) -> None:
    limit = Limit.parse(f"{number:f}{unit}") if number >= 1e-3 else None
    assert limit is not None
    again = Limit.parse(show(limit.value, limit.quantity).replace(" ", ""))
    assert again.quantity == limit.quantity
    assert again.value == pytest.approx(limit.value, rel=6e-3)


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1.5min", 90), ("1d", 86400)]
)
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["30", "m", "-1h", "3 weeks"])
def test_a_duration_needs_a_unit_of_time(text: str) -> None:
    with pytest.raises(UnitError, match="30m"):
        seconds(text)


def test_counts_take_a_prefix() -> None:
    assert count("100M") == 1e8
    assert count(5) == 5
    with pytest.raises(UnitError, match="100M"):
        count("100 MB")


def test_durations_for_people() -> None:
    assert [duration(s) for s in (5, 65, 4000)] == ["5s", "1m 05s", "1h 06m"]
