"""An address is found in the block that holds it, by `ipaddress`'s judgment, and in none where none does."""

from __future__ import annotations

import bisect
import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.darknet import Block, Darknet, Ranges
from ims.membership import block_of, insertion_point

LAST = 2**32 - 1


def ranges(*each: tuple[int, int, int]) -> Ranges:
    """Ranges of (first, last, block)."""
    first, last, block = (
        np.array(column, kind)
        for column, kind in zip(zip(*each, strict=True), (np.uint32, np.uint32, np.uint16), strict=True)
    )
    return Ranges(first, last, block)


@pytest.mark.parametrize("address", [0, 1, 2**31, LAST])
def test_where_nothing_is_dark_no_address_is(address: int) -> None:
    nothing = Ranges(np.zeros(0, np.uint32), np.zeros(0, np.uint32), np.zeros(0, np.uint16))
    assert block_of(address, nothing) == -1


def test_the_first_and_last_address_of_all_are_in_a_block_of_all() -> None:
    every = ranges((0, LAST, 7))
    assert [block_of(address, every) for address in (0, 2**31, LAST)] == [7, 7, 7]


def test_ends_are_inside_and_their_neighbours_are_not() -> None:
    """Gaps of one address; a block of one address; two ranges of one block."""
    some = ranges((10, 20, 3), (22, 22, 0), (24, 30, 3))
    found = [block_of(address, some) for address in (9, 10, 20, 21, 22, 23, 24, 30, 31)]
    assert found == [-1, 3, 3, -1, 0, -1, 3, 3, -1]


def test_ranges_that_touch_are_told_apart() -> None:
    halves = ranges((0, 2**31 - 1, 1), (2**31, LAST, 65_535))
    assert [block_of(address, halves) for address in (2**31 - 1, 2**31)] == [1, 65_535]


prefixes = st.builds(
    lambda address, bits: ipaddress.IPv4Network((address >> (32 - bits) << (32 - bits), bits)),
    st.integers(0, 2**32 - 1),
    st.integers(1, 32),
)


@given(st.lists(prefixes, min_size=1, max_size=8), st.lists(st.integers(0, 2**32 - 1), max_size=20))
def test_an_address_is_in_the_block_that_holds_it(some: list[ipaddress.IPv4Network], others: list[int]) -> None:
    apart = [p for n, p in enumerate(some) if not any(p.overlaps(q) for q in some[:n])]
    whole = Darknet([Block(f"b{n}", p) for n, p in enumerate(apart)])
    ranges = whole.ranges()
    ends = [int(end) + by for p in apart for end in (p[0], p[-1]) for by in (-1, 0, 1)]
    for address in {*others, *(end for end in ends if 0 <= end < 2**32)}:
        inside = [n for n, p in enumerate(apart) if ipaddress.IPv4Address(address) in p]
        found = int(block_of(address, ranges))
        assert ([] if found < 0 else [int(whole.names[found][1:])]) == inside


@given(
    st.lists(st.integers(0, 30), max_size=20).map(sorted), st.integers(-2, 32), st.integers(0, 20), st.integers(0, 20)
)
def test_an_insertion_point_is_bisect_s(values: list[int], value: int, low: int, high: int) -> None:
    low, high = sorted((min(low, len(values)), min(high, len(values))))
    expected = bisect.bisect_right(values, value, low, high)
    assert insertion_point(np.array(values, np.int64), low, high, value) == expected
