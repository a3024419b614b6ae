"""Ticks are round, inside the axis, few, and in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.figures.ticks import linear_axis, log_axis, time_ticks, value_label


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("since", "until", "most", "expected"),
    [
        ("2004-03-01", "2004-03-02", 5, ["00:00|1 Mar 2004", "06:00", "12:00", "18:00", "00:00|2 Mar"]),
        ("2004-03-01", "2004-03-31", 5, ["1 Mar|2004", "8 Mar", "15 Mar", "22 Mar", "29 Mar"]),
        ("2004-03-01", "2004-03-05", 5, ["1 Mar|2004", "2 Mar", "3 Mar", "4 Mar", "5 Mar"]),
        ("2004-11-10", "2005-06-01", 4, ["Jan|2005", "Mar", "May"]),
        ("2004-06-01", "2009-06-01", 6, ["2005", "2006", "2007", "2008", "2009"]),
        ("2004-03-01T10:00:00", "2004-03-01T10:00:30", 4, ["10:00:00|1 Mar 2004", "10:00:10", "10:00:20", "10:00:30"]),
    ],
)
def test_ticks_of_time_are_round_and_say_what_changes(since: str, until: str, most: int, expected: list[str]) -> None:
    ticks = time_ticks(us(since), us(until), most)
    assert [f"{tick.label}|{tick.second}".rstrip("|") for tick in ticks] == expected


@given(st.integers(0, 2**52), st.integers(1, 2**51), st.integers(1, 12))
def test_ticks_of_time_are_few_inside_and_ordered(since: int, length: int, most: int) -> None:
    times = [tick.time_us for tick in time_ticks(since, since + length, most)]
    assert len(times) <= most
    assert times == sorted(set(times))
    assert all(since <= time <= since + length for time in times)


def test_without_a_range_there_are_no_ticks() -> None:
    assert time_ticks(5, 5, 4) == time_ticks(5, 4, 4) == time_ticks(0, 10, 0) == []


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300), st.integers(2, 12))
def test_a_linear_axis_holds_its_values_and_zero(one: float, other: float, most: int) -> None:
    low, high = sorted((one, other))
    axis = linear_axis(low, high, most)
    assert axis.low < axis.high
    assert axis.low <= max(low, -1e299) or axis.position(low) == pytest.approx(0, abs=1e-9)
    assert 0 <= axis.position(low) <= axis.position(high) <= 1
    assert len(axis.ticks) <= most + 3
    assert not axis.ticks or axis.low <= axis.ticks[0] <= axis.ticks[-1] <= axis.high * (1 + 1e-9)


@given(st.floats(1e-290, 1e290), st.floats(1, 1e9), st.integers(2, 12))
def test_a_logarithmic_axis_holds_its_values(low: float, ratio: float, most: int) -> None:
    axis = log_axis(low, low * ratio, most)
    assert axis.is_log
    assert 0 < axis.low <= low * (1 + 1e-8)
    assert axis.high >= low * ratio * (1 - 1e-8)
    assert axis.low < axis.high
    assert 1 <= len(axis.ticks) <= max(most, 4)
    assert axis.position(0) == 0
    assert axis.position(axis.high * 2) == 1


def test_a_logarithmic_axis_has_ticks_at_1_2_5_or_at_powers_of_ten() -> None:
    assert log_axis(1.5, 40, 6).ticks == pytest.approx((1, 2, 5, 10, 20, 50))
    assert log_axis(0.3, 4000, 6).ticks == pytest.approx((1, 10, 100, 1000))
    assert log_axis(1, 1e9, 5).ticks == pytest.approx((1, 100, 1e4, 1e6, 1e8))
    assert log_axis(7, 7, 5).ticks == pytest.approx((5, 10))


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (0, "0"), (0.05, "0.05"), (20, "20"), (999, "999"), (1000, "1k"), (1500, "1.5k"), (2e6, "2M"), (-3000, "-3k"),
        (5e9, "5G"), (1e12, "1T"), (1e-5, "1e-5"), (1e18, "1e18"), (0.1 + 0.2, "0.3"), (1e300, "1e300"),
    ],
)  # fmt: skip
def test_labels_of_values_are_short(value: float, label: str) -> None:
    assert value_label(value) == label
