"""Durations and times as people write them."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.settings.durations import UNITS
from ims.simulate.scenario.times import date, length, moment, seconds


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("2.3h", 8280), ("7d", 604_800), ("90ms", 0.09), (" 15 m ", 900), ("1w", 604_800), ("0s", 0), ("8h", 28_800)],
)
def test_durations_are_a_number_and_a_unit(text, wanted):
    assert seconds(text) == pytest.approx(wanted)


@pytest.mark.parametrize("text", ["", "h", "3", "3 hours", "-3h", "+3h", "1e3s", "nan s", "inf", 3, 3.5, None, True])
def test_other_durations_are_refused(text):
    with pytest.raises(ValueError, match="expected"):
        seconds(text)


@given(st.integers(1, 10**6), st.sampled_from(["ms", "s", "m", "h", "d", "w"]))
def test_what_is_written_is_what_is_read(number, unit):
    if number * UNITS[unit] <= 1e15:
        assert length(f"{number}{unit}") == number * UNITS[unit] / 1e6


def test_moments_are_times_or_offsets():
    noon = dt.datetime(2003, 8, 11, 12, tzinfo=dt.UTC)
    assert moment("+30h") == 108_000
    assert moment("+0s") == 0
    for written in ("2003-08-11T12:00:00Z", "2003-08-11T14:00:00+02:00", "2003-08-11 12:00", noon,
                    noon.replace(tzinfo=None)):  # fmt: skip
        assert moment(written) == date(written) == noon
    assert date(dt.date(2003, 8, 11)) == noon.replace(hour=0)


@given(st.text() | st.integers() | st.floats() | st.datetimes() | st.dates())
def test_anything_is_a_moment_or_refused_in_one_line(value):
    try:
        assert isinstance(moment(value), float | dt.datetime)
    except ValueError as error:
        assert len(str(error).splitlines()) == 1
