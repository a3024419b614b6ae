"""Durations as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.settings.durations import HOUR_US, UNITS, duration, parse_age, seconds, written_duration


@pytest.mark.parametrize(
    ("text", "hours"), [("36h", 36), ("90d", 2160), (" 8w ", 1344), ("2y", 17520), ("0.5 h", 0.5), ("0d", 0)]
)
def test_ages(text, hours):
    assert parse_age(text) == hours * HOUR_US


@pytest.mark.parametrize("text", ["", "d", "-1d", "5", "5m", "1e3d", "5 days", "٣d", "nan", "5H", "1.d", ".5d", "5\nd"])
def test_other_ages_are_refused(text):
    with pytest.raises(ValueError, match="a number with h, d, w or y, such as 90d"):
        parse_age(text)


@given(st.text(max_size=12))
def test_any_text_is_an_age_or_a_value_error_that_has_it(text):
    try:
        assert parse_age(text) >= 0
    except ValueError as error:
        assert repr(text) in str(error)


def test_a_number_too_long_for_a_float_is_a_number_or_refused():
    assert parse_age("9" * 400 + "h") == int("9" * 400) * HOUR_US
    for text in ("9" * 400 + "h", "9" * 5000 + "h", "40000000w"):
        with pytest.raises(ValueError, match=r"less than 30,000 years|such as 1h"):
            seconds(text, "h w", "1h")


def test_a_bare_number_is_seconds_only_where_that_is_said():
    assert duration("1.5", "s m", "1m", bare=True) == 1_500_000
    with pytest.raises(ValueError, match="a number with s or m, such as 1m"):
        duration("1.5", "s m", "1m")
    with pytest.raises(ValueError, match="a number of seconds, or one with s or m, such as 1m"):
        duration("1h", "s m", "1m", bare=True)


@given(st.integers(1, 10**9), st.sampled_from(sorted(set(UNITS) - {"ms", "w", "y"})))
def test_what_is_written_is_read_again(number, unit):
    micros = number * UNITS[unit]
    assert duration(written_duration(micros).replace(",", ""), "s m h d", "1h") == micros


def test_the_largest_whole_unit_is_written():
    assert [written_duration(micros) for micros in (90 * 60_000_000, 7 * 24 * HOUR_US, 1_500_000, 0)] == [
        "90m", "7d", "1.5s", "0s",
    ]  # fmt: skip
