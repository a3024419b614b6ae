"""Packets added up by source, place and nearness, against dictionaries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims.query.distinct.near_totals import ALL, MOST_PLACES, near_keys, near_totals
from ims.query.distinct.sort_kernels import once

ADDRESSES = st.one_of(
    st.integers(0, 0xFFFF_FFFF),
    st.sampled_from([0x0A000001, 0x0A00FFFF, 0x0A010000, 0x0AFF0000, 0x0B000000, 0, 0xFFFF_FFFF]),
)
PACKETS = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4), ADDRESSES, ADDRESSES), max_size=80)
BLOCKS = 4


def nearness(source: int, destination: int) -> int:
    one, other = source.to_bytes(4, "big"), destination.to_bytes(4, "big")
    return 0 if one[:2] == other[:2] else 1 if one[0] == other[0] else 2


def columns(packets: list[tuple[int, int, int, int]]) -> list[np.ndarray]:
    kinds = (np.int32, np.int32, np.uint32, np.uint32)
    return [np.array([packet[at] for packet in packets], kind) for at, kind in enumerate(kinds)]


@given(PACKETS)
def test_totals_are_those_of_each_source_at_each_place(packets: list[tuple[int, int, int, int]]) -> None:
    keys = near_keys(*columns(packets))
    keys.sort()
    found, counts = np.empty_like(keys), np.empty(keys.size, np.uint32)
    length = once(keys, found, counts)
    totals, squares = near_totals(found[:length], counts[:length], BLOCKS)
    places: list[tuple[int, Callable[[int], bool]]] = [
        *((block, lambda at, block=block: at == block + 1) for block in range(BLOCKS)),  # type: ignore[misc]
        (BLOCKS, lambda at: True),
    ]
    for place, belongs in places:
        for near in range(ALL + 1):
            sent = Counter(
                (sensor, block if place < BLOCKS else 0, source)
                for sensor, block, source, destination in packets
                if belongs(block) and near in (ALL, nearness(source, destination))
            )
            most = max(sent.values(), default=0)
            assert totals[place, near].tolist() == [sent.total(), len(sent), most]
            assert squares[place, near] == sum(each * each for each in sent.values())


@pytest.mark.parametrize(("sensor", "block"), [(0, 1), (1, 0), (MOST_PLACES + 1, 1), (1, MOST_PLACES + 1), (-1, 1)])
def test_a_place_that_has_no_number_is_refused(sensor: int, block: int) -> None:
    with pytest.raises(OverflowError, match="more than 32,768 blocks or sensors"):
        near_keys(*columns([(1, 1, 5, 6), (sensor, block, 5, 6)]))
    assert near_keys(*columns([(MOST_PLACES, MOST_PLACES, 5, 6)])).size == 1


def test_what_is_in_no_block_leaves_memory_alone() -> None:
    """As no store makes them: a block that isn't among the names, and a nearness that isn't one."""
    keys = np.array([9 << 32 | 200 << 2 | 3], np.uint64)
    totals, squares = near_totals(keys, np.ones(1, np.uint32), 2)
    assert totals[:2].sum() == 0 and np.isfinite(squares).all()
