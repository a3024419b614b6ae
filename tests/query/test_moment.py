"""Moments: what is written in a way that can be read in one way only is read; all else is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.query.moment import moment

NOON = 1_772_625_600_000_000
"""2026-03-04 12:00 UTC in microseconds"""


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2026-03-04", NOON - 12 * 3_600_000_000),
        ("20260304", NOON - 12 * 3_600_000_000),
        ("2026-W10-3", NOON - 12 * 3_600_000_000),
        ("2026-03-04T12:00", NOON),
        ("2026-03-04T12:00:00Z", NOON),
        ("2026-03-04t12:00:00z", NOON),
        (" 2026-03-04T12:00:00.000000000Z ", NOON),
        ("20260304T120000Z", NOON),
        ("2026-03-04T13:00:00+01:00", NOON),
        ("2026-03-04T13:00:00+0100", NOON),
        ("2026-03-04 12:00:00.000001", NOON + 1),
        ("2026-03-04T12:00:00.000001999Z", NOON + 1),
        ("1969-12-31T23:59:59.999999", -1),
    ],
)
def test_a_time_is_iso_8601_and_utc_unless_it_says(text: str, micros: int) -> None:
    assert moment(text) == micros


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1772625600", NOON),
        ("1772625600.5", NOON + 500_000),
        ("1772625600.000001", NOON + 1),
        ("1772625600000", NOON),
        ("1772625600000.25", NOON + 250),
        ("1772625600000001", NOON + 1),
        ("1772625600000001999", NOON + 1),
        ("315532800", 315_532_800_000_000),
        ("0", 0),
    ],
)
def test_a_number_is_the_time_since_the_epoch_in_the_unit_that_its_size_tells(text: str, micros: int) -> None:
    assert moment(text) == micros


@given(st.datetimes(datetime(1900, 1, 3), datetime(2399, 12, 30),
                    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])))  # fmt: skip
def test_no_microsecond_of_a_time_is_lost(when: datetime) -> None:
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment(when.isoformat())) == when


@given(st.datetimes(datetime(1980, 1, 1), datetime(2286, 1, 1), timezones=st.just(UTC)))
def test_every_unit_tells_the_same_time(when: datetime) -> None:
    micros = (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    said = [
        f"{micros // 1_000_000}.{micros % 1_000_000:06}",
        f"{micros // 1000}.{micros % 1000:03}",
        f"{micros}",
        f"{micros}999",
    ]
    assert [moment(text) for text in said] == [micros] * 4


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-13-01", "12:30", "2026-03-04T25:00", "2026", "202603", "17120102030", "17726256000000",
     "20261301", "202603040500", "202603040500.0", "-1772625600", "1e9", "2026-03-04x12:00", "20260304120000", "20260304.5", "٢٠٢٦-03-04", "9" * 400],
)  # fmt: skip
def test_a_time_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"expected ISO 8601, such as 2026-03-04.*seconds \(9 or 10 digits\)"
    ) as refused:
        moment(text)
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize("text", ["1712-01-02", "0001-01-01T00:00+14:00", "2400-01-01", "9999-12-31T23:59:59-12:00"])
def test_a_year_out_of_reason_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="outside the years 1900 to 2399"):
        moment(text)
