"""The darknet's size over time, against counting addresses one by one."""

from __future__ import annotations

import ipaddress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.query.darkspace import DarkSpace


def row(prefix: str, since: int = 0, until: int = 100, sensor: str = "a", block: str = "C") -> dict[str, Any]:
    return {"sensor": sensor, "block": block, "prefix": prefix, "since_us": since, "until_us": until}


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
