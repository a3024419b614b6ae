"""Bins: widths as people write them, and where they begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.query.bins import bin_begin, bin_origin, bin_width, since_a_bin_began

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "micros"),
    [("250ms", 250_000), ("30s", 30_000_000), ("90", 90_000_000), ("5m", 300_000_000), ("1h", 3_600_000_000),
     ("1d", 86_400_000_000), ("2w", 1_209_600_000_000), (" 5m ", 300_000_000)],
)  # fmt: skip
def test_a_bin_is_a_number_and_a_unit(text: str, micros: int) -> None:
    assert bin_width(text) == micros


@pytest.mark.parametrize("text", ["", "0", "0s", "-5m", "5 minutes", "1y", "m", "1.5h", "367d", "5M", "9" * 40, "٣"])
def test_a_bin_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 5m"):
        bin_width(text)


@given(st.integers(-(10**16), 10**16), st.sampled_from(["1w", "7d", "2w", "52w", "168h"]))
def test_weeks_begin_on_a_monday(micros: int, text: str) -> None:
    width = bin_width(text)
    begin = bin_begin(micros, width, bin_origin(width))
    monday = EPOCH + timedelta(microseconds=begin)
    assert (monday.isoweekday(), monday.time()) == (1, datetime.min.time())
    assert begin <= micros < begin + width


@given(st.integers(-(10**16), 10**16), st.integers(1, 366 * 86_400_000_000))
def test_the_engines_remainder_is_the_time_since_the_bin_began(micros: int, width: int) -> None:
    """Before 1970 too, where they would give a negative one."""
    shifted = micros + since_a_bin_began(width, bin_origin(width))
    assert 0 < shifted < 1 << 63
    assert micros - shifted % width == bin_begin(micros, width, bin_origin(width))
