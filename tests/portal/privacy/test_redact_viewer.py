"""A viewer's table: its grid, sizes and missing values tell nothing of what came."""

from __future__ import annotations

import ipaddress
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.portal.privacy.policy import SecrecySettings
from ims.portal.privacy.published_periods import published_space
from ims.portal.privacy.query_policy import NarrowedRequest, narrowed
from ims.portal.privacy.redact_viewer import coverage, darknet
from ims.query.answer import Answer
from ims.query.request import Request

from .gate import HOUR, HOURS, NOISY, START, Ask, Copy, gate, rows, through, told


def test_cache_and_count_are_the_cells_of_their_metrics(telescope: Ask) -> None:
    secrecy, words = gate(NOISY), {"since": HOURS[0], "until": HOURS[-1] + HOUR}
    hits = rows(secrecy, telescope, "cache", bin=HOUR, **words)
    payloads = rows(secrecy, telescope, "series", metric="payloads", bin=HOUR, **words)
    assert [row["payloads"] for row in hits] == [row["value"] for row in payloads]
    [count] = rows(secrecy, telescope, "count", **words)
    assert count["payloads"] == sum(row["value"] or 0 for row in payloads)
    assert count["sources"] is None  # five hours' distinct sources are no sum of those of one
    [one] = rows(secrecy, telescope, "count", since=HOURS[1], until=HOURS[2])
    [source] = rows(secrecy, telescope, "series", metric="sources", bin=HOUR, since=HOURS[1], until=HOURS[2])
    assert one["sources"] == source["value"] and one["sources"] is not None
    assert one["destinations"] is one["signatures"] is one["first"] is None


def test_per_24_divides_what_is_shown_by_two_digits_of_the_size(telescope: Ask) -> None:
    secrecy, words = gate(NOISY), {"since": HOURS[0], "until": HOURS[3]}
    for group, size in (("protocol", 1.5), ("category", 1.5)):
        whole, each = (rows(secrecy, telescope, "top", group=group, per_24=per, **words) for per in (False, True))
        assert [row["value"] / size for row in whole] == [row["value"] for row in each]
    blocks = rows(secrecy, telescope, "top", group="block", per_24=True, **words)
    exact = {row["block"]: row["value"] for row in rows(secrecy, telescope, "top", group="block", **words)}
    assert {row["block"]: row["value"] for row in blocks} == {"C/24": exact["C/24"], "D/25": exact["D/25"] * 2}


def test_a_bin_that_is_not_shown_looks_as_one_in_which_nothing_came(copies: list[Copy]) -> None:
    secrecy = gate(SecrecySettings(viewer_threshold=10**6, viewer_noise=0, viewer_bin=60))
    for limit in (0, 1, 3):
        words = {"since": START, "until": START + 5 * HOUR, "bin": 60_000_000, "limit": limit}
        seen = [
            through(secrecy, "viewer", Request(verb="series", filter=f"dst port {port}", **words), copies[0])  # type: ignore[arg-type]
            for port in (23, 9)
        ]
        assert isinstance(seen[0], Answer)
        assert isinstance(seen[1], Answer)
        assert seen[0].table == seen[1].table
        assert told(seen[0]) == told(seen[1])
        assert len(seen[0]) == (limit or 300)
    words = {"since": START, "until": START + 5 * HOUR, "bin": HOUR}
    grouped = through(secrecy, "viewer", Request(verb="series", group="destination_port", **words), copies[0])  # type: ignore[arg-type]
    assert isinstance(grouped, Answer)
    assert len(grouped) == 0


MOMENTS = st.integers(0, 40 * HOUR)


@given(st.lists(st.tuples(st.sampled_from("ab"), MOMENTS, MOMENTS), max_size=6), st.integers(0, 20), st.integers(1, 20))
def test_coverage_is_told_in_whole_bins_of_the_range(
    periods: list[tuple[str, int, int]], begin: int, bins: int
) -> None:
    """So that nobody reads from it when the last packet of a capture came."""
    since, until = begin * HOUR, (begin + bins) * HOUR
    spans = [(name, min(ends), max(ends)) for name, *ends in periods]
    kind = pa.timestamp("us", "UTC")
    columns = {
        name: pa.array([span[at] for span in spans], pa.int64()).cast(kind) for name, at in (("since", 1), ("until", 2))
    }
    names = pa.array([name for name, _, _ in spans], pa.string())
    table = pa.table({"sensor": names, "block": names, "prefix": names, **columns})
    found = coverage(Request(verb="coverage", since=since, until=until), table, HOUR)
    told = {
        (row["sensor"], hour)
        for row in found.set_column(2, "since", found.column("since").cast(pa.int64()))
        .set_column(3, "until", found.column("until").cast(pa.int64()))
        .to_pylist()
        for hour in range(row["since"], row["until"], HOUR)
    }
    watched = {
        (name, hour)
        for name, first, last in spans
        for hour in range(since, until, HOUR)
        if first < hour + HOUR and last > hour
    }
    touched = {(name, first // HOUR * HOUR) for name, first, last in spans if first == last}  # of no time at all
    assert watched <= told <= watched | touched
    assert found.column_names == ["sensor", "block", "since", "until"]


Watched = list[tuple[str, str, str, int, int]]
"""Sensor, block, prefix, since, until."""


def watched(rows: Watched) -> pa.Table:
    kinds = {
        "sensor": pa.string(),
        "block": pa.string(),
        "prefix": pa.string(),
        "since": pa.int64(),
        "until": pa.int64(),
    }
    columns = {name: pa.array([row[at] for row in rows], kind) for at, (name, kind) in enumerate(kinds.items())}
    times = {name: columns[name].cast(pa.timestamp("us", "UTC")) for name in ("since", "until")}
    return pa.table(columns | times)


def asked(since: int, until: int, **words: Any) -> NarrowedRequest:
    return narrowed(Request(verb="darknet", since=since, until=until, **words))


rows_watched = st.lists(
    st.tuples(
        st.sampled_from("ab"), st.sampled_from("CD"),
        st.builds(
            lambda n, bits: f"{ipaddress.IPv4Network((0xC6336400 + n, bits), strict=False)}",
            st.integers(0, 1023), st.integers(21, 32),
        ),
        MOMENTS, MOMENTS,
    ).map(lambda row: (*row[:3], min(row[3:]), max(row[3:]) + 1)),
    max_size=6,
)  # fmt: skip


@given(rows_watched, st.data(), st.integers(0, 20), st.integers(1, 20), st.integers(1, 3),
       st.sampled_from([None, "block", "sensor"]))  # fmt: skip
def test_when_within_an_hour_something_began_or_ended_does_not_change_the_darknet(
    rows: Watched, data: st.DataObject, begin: int, bins: int, width: int, group: str | None
) -> None:
    """Neither its sizes, nor its seconds, nor its rows: a quiet block's last packet is not to be told by any of them."""
    request = asked(begin * HOUR, (begin + bins * width) * HOUR, bin=width * HOUR, origin=begin * HOUR, group=group)
    moved = []
    for sensor, block, prefix, since, until in rows:
        first, last = since // HOUR * HOUR, -(-until // HOUR) * HOUR
        other = data.draw(st.integers(first, min(first + HOUR, last) - 1))
        moved.append((sensor, block, prefix, other, data.draw(st.integers(max(other, last - HOUR) + 1, last))))
    found = darknet(request, published_space(request, watched(rows), HOUR), HOUR)
    assert found.equals(darknet(request, published_space(request, watched(moved), HOUR), HOUR))
    names = [] if group is None else [group]
    assert found.column_names == ["time", *names, "addresses", "seconds"]
    told = coverage(request, watched(rows), HOUR).to_pylist()
    hours = {  # what coverage tells viewers anyway
        (row[group] if group else "", hour)
        for row in told
        for hour in range(us(row["since"]) // HOUR, us(row["until"]) // HOUR)
    }
    assert sum(found.column("seconds").to_pylist()) == 3600 * len(hours)


def us(moment: Any) -> int:
    return round(moment.timestamp()) * 1_000_000


@pytest.mark.parametrize(("prefixes", "size"), [(["198.51.100.0/24"], 260), (["10.0.0.0/8"], 17_000_000), (
    ["198.51.100.0/24", "198.51.101.0/32"], 260), (["198.51.100.0/30"], 4)])  # fmt: skip
def test_a_darknet_s_size_has_two_digits(prefixes: list[str], size: float) -> None:
    table = watched([("a", "C", prefix, 5, HOUR // 2) for prefix in prefixes])
    request = asked(0, HOUR, bin=HOUR)
    [row] = darknet(request, published_space(request, table, HOUR), HOUR).to_pylist()
    assert (row["addresses"], row["seconds"]) == (size, 3600)


@pytest.mark.parametrize("group", [None, "block", "sensor"])
def test_a_viewer_s_darknet_ends_where_his_coverage_does_and_what_answers_is_for_others(
    copies: list[Copy], group: str | None
) -> None:
    secrecy = gate(NOISY)
    ends = {"since": HOURS[0], "until": START + 60 * HOUR}
    seen = through(secrecy, "viewer", Request(verb="darknet", group=group, bin=60_000_000, **ends), copies[0])  # type: ignore[arg-type]
    told = through(secrecy, "viewer", Request(verb="coverage", **ends), copies[0])  # type: ignore[arg-type]
    whole = through(secrecy, "analyst", Request(verb="darknet", group=group, bin=HOUR, **ends), copies[0])  # type: ignore[arg-type]
    assert isinstance(seen, Answer) and isinstance(told, Answer) and isinstance(whole, Answer)
    last = max(us(row["until"]) for row in told.rows())
    assert max(us(row["time"]) for row in seen.rows()) == last - HOUR
    assert "answering" not in seen.table.column_names and "answering" in whole.table.column_names
    assert (seen.record.verb, whole.record.verb) == ("darknet", "darknet")
    assert {row["addresses"] for row in seen.rows()} == ({260.0, 130.0} if group == "block" else {380.0})
    assert "bins are 1h wide, not 1m: viewers are shown none narrower" in seen.record.withheld


def test_a_viewer_s_darknet_is_cut_at_his_limit(copies: list[Copy]) -> None:
    words = {"verb": "darknet", "since": HOURS[0], "until": HOURS[-1], "bin": HOUR}
    answers = [through(gate(NOISY), "viewer", Request(**words, limit=limit), copies[0]) for limit in (0, 2)]  # type: ignore[arg-type]
    whole, cut = answers
    assert isinstance(whole, Answer) and isinstance(cut, Answer)
    assert cut.table.equals(whole.table.slice(0, 2)) and len(whole) > 2
    assert (cut.record.limit, cut.record.at_least, whole.record.limit) == (2, True, 0)


def test_a_darknet_that_was_not_checked_is_not_shown(copies: list[Copy]) -> None:
    request = Request(verb="darknet", since=HOURS[0], until=HOURS[1])
    answer = copies[0].telescope.ask(request)
    with pytest.raises(ValueError, match="call check first"):
        gate().answer("viewer", request, copies[0].telescope.ask)
    with pytest.raises(ValueError, match="call check first"):
        gate().shown("viewer", request, answer)
