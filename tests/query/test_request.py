"""Requests: what people write becomes a typed question, or one line that says what would be right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.query.request import DEFAULT_LIMITS, GROUPS, METRICS, Request, bin_width, make_request, moment

NOON = 1_772_625_600_000_000
"""2026-03-04 12:00 UTC in microseconds"""


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2026-03-04", NOON - 12 * 3_600_000_000),
        ("2026-03-04T12:00", NOON),
        ("2026-03-04T12:00:00Z", NOON),
        ("2026-03-04T13:00:00+01:00", NOON),
        ("2026-03-04 12:00:00.000001", NOON + 1),
        ("1969-12-31T23:59:59.999999", -1),
    ],
)
def test_a_time_is_iso_8601_and_utc_unless_it_says(text: str, micros: int) -> None:
    assert moment(text) == micros


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])))
def test_no_microsecond_of_a_time_is_lost(when: datetime) -> None:
    since = datetime(1970, 1, 1, tzinfo=UTC)
    assert since + timedelta(microseconds=moment(when.isoformat())) == when


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "12:30", "2026-03-04T25:00", "1772625600"])
def test_a_time_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"wanted ISO 8601, such as 2026-03-04") as refused:
        moment(text)
    assert repr(text) in str(refused.value)


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


def test_since_and_until_come_as_text_or_datetimes() -> None:
    as_text = make_request("count", None, since="2026-03-04T12:00", until="2026-03-04T12:00:00.5")
    as_datetimes = make_request(
        "count", None, since=datetime(2026, 3, 4, 12), until=datetime(2026, 3, 4, 12, 0, 0, 500_000, UTC)
    )
    assert as_text == as_datetimes
    assert (as_text.since, as_text.until) == (NOON, NOON + 500_000)


@pytest.mark.parametrize("until", ["2026-03-04T12:00", "2026-03-04T11:59"])
def test_an_empty_range_is_refused(until: str) -> None:
    with pytest.raises(ValueError, match=r"^--since must be before --until$"):
        make_request("count", None, since="2026-03-04T12:00", until=until)


def test_an_unknown_column_names_the_nearest_and_all() -> None:
    with pytest.raises(ValueError, match=r"no column 'destination_prot'; meant destination_port\?") as refused:
        make_request("top", None, group="destination_prot")
    assert all(name in str(refused.value) for name in GROUPS)
    assert "\n" not in str(refused.value)


def test_an_unknown_metric_names_the_nearest_and_all() -> None:
    with pytest.raises(ValueError, match=r"no metric 'source'; meant sources\? wanted one of: packets") as refused:
        make_request("series", None, metric="source")
    assert all(name in str(refused.value) for name in METRICS)


def test_nothing_like_a_column_has_no_nearest() -> None:
    with pytest.raises(ValueError, match=r"^no column 'zzz'; wanted one of"):
        make_request("top", None, group="zzz")


@pytest.mark.parametrize(("group", "address", "bits"), [("/8", "source", 8), ("source/24", "source", 24),
                                                        ("destination/1", "destination", 1), ("/032", None, None)])  # fmt: skip
def test_a_group_may_be_the_first_bits_of_an_address(group: str, address: str | None, bits: int | None) -> None:
    if address is None:
        with pytest.raises(ValueError, match="no column '/032'"):
            make_request("top", None, group=group)
        return
    prefix = make_request("top", None, group=group).prefix
    assert prefix is not None
    assert (prefix.address, prefix.bits) == (address, bits)


@pytest.mark.parametrize("group", ["/0", "/33", "source/99"])
def test_a_prefix_has_1_to_32_bits(group: str) -> None:
    with pytest.raises(ValueError, match=r"wanted /1 to /32"):
        make_request("series", None, group=group)


def test_a_group_of_a_prefix_is_named_without_a_slash() -> None:
    assert make_request("top", None, group="/8").group_name == "source_8"
    assert make_request("top", None, group="ttl").group_name == "ttl"
    assert make_request("series", None).group_name is None


def test_top_wants_a_column() -> None:
    with pytest.raises(ValueError, match=r"^top of what"):
        make_request("top", None)


@pytest.mark.parametrize("limit", [-1, 10_000_001])
def test_a_limit_is_bounded(limit: int) -> None:
    with pytest.raises(ValueError, match=r"^limit: "):
        make_request("packets", None, limit=limit)


def test_a_verb_has_its_own_limit_unless_one_is_given() -> None:
    for verb, limit in DEFAULT_LIMITS.items():
        group = "ttl" if verb == "top" else None
        assert make_request(verb, None, group=group).rows == limit  # type: ignore[arg-type]
        assert make_request(verb, None, group=group, limit=3).rows == 3  # type: ignore[arg-type]


def test_a_filter_has_at_most_4096_characters() -> None:
    assert make_request("count", "x" * 4096).filter == "x" * 4096
    with pytest.raises(ValueError, match=r"^filter: "):
        make_request("count", "x" * 4097)


def test_a_request_is_frozen_and_takes_no_unknown_word() -> None:
    request = Request(verb="count")
    with pytest.raises(ValueError, match="frozen"):
        request.limit = 3  # type: ignore[misc]
    with pytest.raises(ValueError, match="sql"):
        make_request("count", None, sql="SELECT 1")
