"""What viewers may know of when something was watched: whole published bins, in rows, sizes and records alike."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

import pyarrow as pa
import pytest

from ims.portal.privacy.policy import PrivacyPolicy, SecrecySettings
from ims.portal.privacy.published_periods import published_periods, published_space
from ims.query.answer import Answer, AnswerRecord
from ims.query.moment import CALENDAR_US
from ims.query.request import Request, make_request

HOUR, DAY, WEEK = 3_600_000_000, 86_400_000_000, 604_800_000_000
MOMENT = pa.timestamp("us", "UTC")


def coverage(*rows: tuple[str, str, str, int, int]) -> pa.Table:
    sensors, blocks, prefixes, since, until = zip(*rows, strict=True)
    columns = {"sensor": sensors, "block": blocks, "prefix": prefixes}
    times = {name: pa.array(each, pa.int64()).cast(MOMENT) for name, each in (("since", since), ("until", until))}
    return pa.table({name: pa.array(each, pa.string()) for name, each in columns.items()} | times)


def test_bins_are_counted_from_the_begin_of_the_range_in_rows_and_sizes_alike() -> None:
    """Weeks from Monday, not from 1970's Thursday: two roundings together would tell more than each."""
    since = 4 * DAY
    request = Request(verb="coverage", since=since, until=since + 3 * WEEK)
    table = coverage(("a", "A/24", "198.51.100.0/24", since + DAY, since + WEEK + DAY))
    assert published_periods(request, table, WEEK).select(["since", "until"]).to_pylist() == [
        {"since": since, "until": since + 2 * WEEK}
    ]
    assert published_space(request, table, WEEK).periods() == [(since, since + 2 * WEEK)]


def test_times_at_the_ends_of_64_bits_are_clipped_to_the_range() -> None:
    request = Request(verb="coverage", since=0, until=5 * HOUR)
    table = coverage(
        ("a", "A/24", "198.51.100.0/24", -(1 << 63), (1 << 63) - 1), ("a", "B/24", "0.0.0.0/0", 1 << 62, (1 << 63) - 1)
    )
    assert published_periods(request, table, HOUR).select(["block", "since", "until"]).to_pylist() == [
        {"block": "A/24", "since": 0, "until": 5 * HOUR}
    ]
    assert CALENDAR_US[0] < 0


@pytest.mark.parametrize("verb", ["coverage", "darknet", "count", "series"])
def test_no_record_of_a_viewer_tells_when_a_capture_ended(verb: Any) -> None:
    """The darknet's size is the same whenever in its hour a quiet block's last packet came."""
    policy = PrivacyPolicy(
        SecrecySettings(), lambda: [IPv4Network("198.51.100.0/24")], lambda: 30 * 86_400.0, bytes(32)
    )
    sizes = set()
    for minute in (2, 9, 30, 59):
        table = coverage(
            ("a", "A/24", "198.51.100.0/24", 0, 10 * HOUR),
            ("b", "B/24", "203.0.113.0/24", 0, 2 * HOUR + minute * 60_000_000),
        )

        def put(request: Request, table: pa.Table = table) -> Answer:
            if request.verb == "coverage":
                return Answer(table, AnswerRecord(darknet_24s=1.2345, verb="coverage"))
            kinds = {"time": MOMENT, "value": pa.int64()}
            return Answer(pa.table({name: pa.array([], kind) for name, kind in kinds.items()}), AnswerRecord())

        request = policy.check("viewer", make_request(verb, None, since=0, until="1970-01-01T10:00"))
        answer = policy.answer("viewer", request, put)
        sizes.add(answer.record.darknet_24s)
        assert (answer.record.since, answer.record.until) == (
            "1970-01-01T00:00:00.000000Z",
            "1970-01-01T10:00:00.000000Z",
        )
    assert sizes == {1.3}
