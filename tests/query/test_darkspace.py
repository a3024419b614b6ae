"""The darknet's size over time, against counting addresses one by one."""

from __future__ import annotations

import ipaddress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.query.darkspace import DarkSpace, WatchedBins
from ims.respond.policy import POLICIES


def row(prefix: str, since: int = 0, until: int = 100, sensor: str = "a", block: str = "C") -> dict[str, Any]:
    return {"sensor": sensor, "block": block, "prefix": prefix, "since_us": since, "until_us": until}


def listed(found: WatchedBins) -> list[tuple[int, str, float, float, int]]:
    """Begin, group, addresses, answering and microseconds of each bin."""
    names = [found.names[at] for at in found.groups.tolist()]
    numbers = (each.tolist() for each in (found.addresses, found.answering, found.spent))
    return list(zip(found.begins.tolist(), names, *numbers, strict=True))


def hourly(rows: list[dict[str, Any]], group: str | None = None, until: int | None = None) -> list[Any]:
    return listed(DarkSpace(rows).bins(3_600_000_000, 0, None, until, group, 100))


@pytest.mark.parametrize(("prefix", "size"), [("198.51.100.0/24", 1), ("198.51.100.0/23", 2), ("198.51.100.0/25", 0.5),
                                              ("198.51.100.7/32", 1 / 256), ("0.0.0.0/0", 1 << 24)])  # fmt: skip
def test_size_is_counted_in_24s(prefix: str, size: float) -> None:
    assert DarkSpace([row(prefix)]).size_24() == size


def test_overlapping_periods_of_one_block_count_once() -> None:
    space = DarkSpace([row("198.51.100.0/24", 0, 50), row("198.51.100.0/24", 30, 100), row("198.51.100.0/24", 30, 100)])
    assert space.size_24() == space.size_24(40, 45) == 1


def test_a_prefix_within_another_of_the_same_sensor_counts_once() -> None:
    assert DarkSpace([row("198.51.100.0/23", block="E"), row("198.51.101.128/25", block="F")]).size_24() == 2


def test_two_sensors_that_watch_one_prefix_count_once() -> None:
    space = DarkSpace([row("198.51.100.0/24"), row("198.51.100.0/24", sensor="b")])
    assert space.size_24() == 1
    assert space.size_24(sensor="b") == 1


def test_a_block_that_joins_later_counts_for_its_share_of_the_time() -> None:
    space = DarkSpace([row("198.51.100.0/24"), row("203.0.113.0/25", 60, 100, block="D")])
    assert space.size_24(0, 60) == 1
    assert space.size_24(60, 61) == 1.5
    assert space.size_24(0, 120) == space.size_24() == 1.2  # nothing was watched after 100
    assert space.size_24(block="D") == 0.5
    assert space.size_24(0, 60, block="D") == 0


def test_a_renamed_block_is_the_same_addresses() -> None:
    space = DarkSpace([row("198.51.100.0/24", 0, 50, block="C"), row("198.51.100.0/24", 50, 100, block="darknet")])
    assert space.size_24() == space.size_24(block="C") == space.size_24(block="darknet") == 1


def test_a_block_that_was_configured_for_a_minute_counts_for_a_minute() -> None:
    hour, minute = 3600, 60
    space = DarkSpace([row("198.51.100.0/24", 0, hour), row("192.0.2.0/25", minute, 2 * minute, block="mistake")])
    assert space.size_24(0, hour) == 1 + 0.5 / 60
    assert space.size_24(minute, 2 * minute) == 1.5
    assert space.size_24(2 * minute, hour) == 1


def test_a_block_that_moves_to_another_sensor_is_never_there_twice() -> None:
    space = DarkSpace([row("198.51.100.0/24", 0, 60), row("198.51.100.0/24", 50, 100, sensor="b")])
    assert space.size_24() == space.size_24(50, 60) == space.size_24(sensor="a") == space.size_24(sensor="b") == 1


def test_a_range_is_half_open() -> None:
    space = DarkSpace([row("198.51.100.0/24", 10, 20)])
    assert [begin for begin in range(0, 30, 5) if space.size_24(begin, begin + 5) == 1] == [10, 15]
    assert [begin for begin in range(30) if space.periods(begin, begin + 1)] == list(range(10, 20))
    assert space.periods(20) == space.periods(None, 10) == []
    assert space.periods(19, 25) == [(19, 20)]
    assert space.periods(5, 11) == [(10, 11)]
    assert space.periods() == [(10, 20)]


def test_periods_that_touch_are_one() -> None:
    times = [(30, 40), (0, 10), (10, 20), (5, 8), (41, 50)]
    space = DarkSpace([row("198.51.100.0/24", *time) for time in times])
    assert space.periods() == [(0, 20), (30, 40), (41, 50)]


def test_nothing_watched_has_size_zero() -> None:
    assert DarkSpace([]).size_24() == 0
    assert DarkSpace([]).periods() == []


periods = st.tuples(
    st.integers(0, 31), st.integers(28, 32), st.integers(0, 20), st.integers(1, 20), st.sampled_from("ab"),
    st.sampled_from("CD"),
)  # fmt: skip


@given(st.lists(periods, max_size=8), st.integers(0, 40), st.integers(1, 10), st.sampled_from([None, "a"]),
       st.sampled_from([None, "C"]))  # fmt: skip
def test_any_periods_of_any_prefixes_give_the_addresses_counted_one_by_one(
    drawn: list[tuple[int, int, int, int, str, str]], begin: int, width: int, sensor: str | None, block: str | None
) -> None:
    rows, moments = [], set[int]()
    watched: dict[int, set[ipaddress.IPv4Address]] = {}
    for address, bits, since, lasting, own, named in drawn:
        network = ipaddress.IPv4Network((0xC6336400 + address, bits), strict=False)
        rows.append(row(str(network), since, since + lasting, own, named))
        common = range(max(since, begin), min(since + lasting, begin + width))
        moments.update(common)
        for moment in common if sensor in (None, own) and block in (None, named) else ():
            watched.setdefault(moment, set()).update(network)
    space = DarkSpace(rows)
    size = space.size_24(begin, begin + width, sensor, block)
    expected = sum(map(len, watched.values())) / len(watched) if watched else 0
    assert size * 256 == pytest.approx(expected, rel=1e-12)
    periods = space.periods(begin, begin + width)
    assert {moment for since, until in periods for moment in range(since, until)} == moments
    assert all(left[1] < right[0] for left, right in pairwise(periods))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), min_size=1, max_size=6))
def test_nested_prefixes_of_any_depth_are_a_union(drawn: list[tuple[int, int]]) -> None:
    # Sizes from /0 to /32 can't be counted one by one: of prefixes around one address, the largest is the union.
    bits = (0, 1, 7, 8, 15, 16, 23, 24, 31, 32)
    rows = [row(f"{ipaddress.IPv4Network((0xC6336407, bits[at]), strict=False)}", 0, until) for at, until in drawn]
    space = DarkSpace(rows)
    for moment in range(5):
        there = [bits[at] for at, until in drawn if until > moment]
        assert space.size_24(moment, moment + 1) * 256 == (1 << (32 - min(there)) if there else 0)


def test_passive_and_silent_addresses_are_watched_and_do_not_answer() -> None:
    policies = {"passive": 0, "silent": 0, "synack": 256, "ack": 256, "reset": 256, "ports": 256,
                "silent, echo": 0, "silent, limit 5": 0, "ack, echo, limit 5": 256,
                "ports 1-9=silent default=ack, echo": 256}  # fmt: skip
    for policy, answering in policies.items():
        found = hourly([row("198.51.100.0/24") | {"policy": policy}])
        assert found == [(0, "", 256, answering, 100)], policy
    assert set(POLICIES) <= set(policies)


def test_an_address_watched_twice_counts_once_and_answers_if_it_does_for_one() -> None:
    silent = row("198.51.100.0/24") | {"policy": "silent"}
    answered = row("198.51.100.128/25", 50, 150, sensor="b", block="D") | {"policy": "ack"}
    assert hourly([silent, answered]) == [(0, "", (100 * 256 + 50 * 128) / 150, 128 * 100 / 150, 150)]
    assert hourly([silent, answered], group="block") == [(0, "C", 256, 0, 100), (0, "D", 128, 128, 100)]
    assert hourly([silent, answered], group="sensor", until=60) == [(0, "a", 256, 0, 60), (0, "b", 128, 128, 10)]


def test_bins_begin_as_those_of_series_do_also_before_the_range() -> None:
    day, monday = 86_400_000_000, 4 * 86_400_000_000
    space = DarkSpace([row("198.51.100.0/24", 5 * day, 30 * day)])
    found = space.bins(7 * day, monday, 6 * day, 20 * day, None, 10)
    assert found.begins.tolist() == [monday, monday + 7 * day, monday + 14 * day]
    assert found.spent.tolist() == [5 * day, 7 * day, 2 * day]
    assert space.bins(7 * day, monday, 30 * day, None, None, 10).matching == 0


@pytest.mark.parametrize("group", [None, "block"])
def test_bins_beyond_the_limit_are_counted_and_not_made(group: str | None) -> None:
    """A millisecond's over centuries: 10 to the 13th a block."""
    centuries = 300 * 366 * 86_400_000_000
    rows = [row(f"198.51.{at}.0/24", at * 500, centuries, block=f"B{at}") for at in range(10)]
    found = DarkSpace(rows).bins(1000, 0, None, None, group, 25)
    whole = centuries // 1000
    assert found.matching == (whole if group is None else sum(whole - at // 2 for at in range(10)))
    if group is None:
        assert found.begins.tolist() == list(range(0, 25_000, 1000))
    else:
        due = [(begin, at) for begin in range(0, 6000, 1000) for at in range(10) if at * 500 < begin + 1000]
        assert list(zip(found.begins.tolist(), found.groups.tolist(), strict=True)) == due[:25]


def test_bins_between_periods_far_from_each_other_are_not_looked_at() -> None:
    far = 1000 * 366 * 86_400_000_000
    space = DarkSpace([row("198.51.100.0/24", 0, 100), row("198.51.100.0/24", far, far + 100)])
    found = space.bins(1000, 0, None, None, None, 1_000_000)
    assert (found.begins.tolist(), found.matching) == ([0, far // 1000 * 1000], 2)


policies = st.sampled_from(["passive", "silent", "ack", "ports"])


@given(
    st.lists(st.tuples(periods, policies), max_size=8), st.integers(1, 9), st.integers(0, 3),
    st.none() | st.integers(0, 30), st.none() | st.integers(5, 40), st.sampled_from([None, "sensor", "block"]),
    st.integers(1, 60),
)  # fmt: skip
def test_bins_of_any_coverage_are_the_addresses_counted_one_by_one(
    drawn: list[tuple[tuple[int, int, int, int, str, str], str]],
    width: int,
    origin: int,
    since: int | None,
    until: int | None,
    group: str | None,
    most: int,
) -> None:
    rows, watched, answered = [], dict[tuple[int, str, int], set[Any]](), dict[tuple[int, str, int], set[Any]]()
    for (address, bits, begin, lasting, sensor, block), policy in drawn:
        network = ipaddress.IPv4Network((0xC6336400 + address, bits), strict=False)
        rows.append(row(str(network), begin, begin + lasting, sensor, block) | {"policy": policy})
        name = {None: "", "sensor": sensor, "block": block}[group]
        for moment in range(max(begin, since or 0), min(begin + lasting, 99 if until is None else until)):
            place = ((moment - origin) // width * width + origin, name, moment)
            watched.setdefault(place, set()).update(network)
            answered.setdefault(place, set()).update(network if policy in ("ack", "ports") else ())
    expected = []
    for begin, name in sorted({place[:2] for place in watched}):
        here = [place for place in watched if place[:2] == (begin, name)]
        means = (sum(len(each[place]) for place in here) / len(here) for each in (watched, answered))
        expected.append((begin, name, *(pytest.approx(mean, rel=1e-12) for mean in means), len(here)))
    space = DarkSpace(rows)
    found = space.bins(width, origin, since, until, group, most)
    assert (listed(found), found.matching) == (expected[:most], len(expected))
    for begin, name, addresses, _, _ in listed(found):
        ends = max(begin, begin if since is None else since), min(begin + width, 99 if until is None else until)
        only = {} if group is None else {group: name}
        assert space.size_24(*ends, **only) == addresses / 256  # the very same
