"""The kernel that signs a batch: hashlib's MD5 of each payload, where it stops, and which days rows have."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ims.settings.durations import DAY_US
from ims.sign.batch import FOUND, HITS, SAME_MD5, UNCACHED, BatchSignatures, FoundArrays, days_of, sign_batch
from ims.sign.cache import Cache

from .collision import FIRST, SECOND
from .test_signer import batch_of

ROOM = 64


class Kernel:
    """sign_batch with a cache that knows day 0 and arrays of its own."""

    def __init__(self, capacity: int = 100) -> None:
        self.cache = Cache(capacity, bytes(range(16)))
        self.cache.admit([0])
        self.signatures = BatchSignatures(
            np.empty((ROOM, 2), np.uint64), np.empty(ROOM, np.int32), np.zeros(1, np.int64)
        )
        self.found = FoundArrays(np.empty(ROOM, np.int64), np.empty(ROOM, np.uint8), np.zeros(2, np.int64))

    def sign(self, octets: Any, batch: Any, first: int, last: int, enter_new: bool = True) -> int:
        return int(sign_batch(octets, batch, first, last, self.cache.arrays, self.signatures, self.found, enter_new))

    def signature(self, batch: Any, row: int) -> bytes:
        return self.signatures.words[batch.signature_entry[row]].tobytes()

    def new(self) -> list[tuple[int, int]]:
        count = int(self.found.counts[FOUND])
        return list(zip(self.found.rows[:count].tolist(), self.found.kinds[:count].tolist(), strict=True))


@given(st.lists(st.binary(min_size=1, max_size=70), min_size=1, max_size=20))
def test_signatures_are_hashlib_s_and_each_payload_is_new_once(payloads: list[bytes]) -> None:
    kernel = Kernel()
    octets, batch = batch_of([(0, payload) for payload in payloads])
    assert kernel.sign(octets, batch, 0, len(payloads)) == len(payloads)
    assert [kernel.signature(batch, row) for row in range(len(payloads))] == [
        hashlib.md5(payload).digest() for payload in payloads
    ]
    assert kernel.new() == [(payloads.index(payload), 0) for payload in dict.fromkeys(payloads)]
    assert kernel.found.counts[HITS] == len(payloads) - len(set(payloads))
    assert kernel.signatures.used[0] == len(set(payloads))


def test_a_full_cache_stops_at_the_first_payload_that_would_have_to_be_entered() -> None:
    kernel = Kernel(capacity=2)
    octets, batch = batch_of([(0, b"a"), (0, b"b"), (0, b"a"), (0, None), (0, b"c"), (0, b"a")])
    assert kernel.sign(octets, batch, 0, 6) == 4
    assert kernel.new() == [(0, 0), (1, 0)]
    assert kernel.sign(octets, batch, 4, 6, enter_new=False) == 6
    assert kernel.new() == [(0, 0), (1, 0), (4, UNCACHED)]
    assert kernel.signature(batch, 4) == hashlib.md5(b"c").digest()


def test_a_payload_of_a_day_without_a_place_is_signed_and_not_entered() -> None:
    kernel = Kernel()
    octets, batch = batch_of([(DAY_US, b"a"), (DAY_US, b"a")])
    assert kernel.sign(octets, batch, 0, 2) == 2
    assert kernel.new() == [(0, UNCACHED), (1, UNCACHED)]
    assert kernel.cache.arrays.used[0] == 0
    assert {kernel.signature(batch, row) for row in (0, 1)} == {hashlib.md5(b"a").digest()}


def test_of_two_payloads_with_one_md5_the_second_is_marked() -> None:
    kernel = Kernel()
    octets, batch = batch_of([(0, FIRST), (0, SECOND), (0, FIRST), (0, SECOND)])
    assert kernel.sign(octets, batch, 0, 4) == 4
    assert kernel.new() == [(0, 0), (1, SAME_MD5)]
    assert batch.raw[:4].tolist() == [0, 1, 0, 1]


def test_a_row_whose_payload_lies_outside_is_named_and_nothing_after_it_is_signed() -> None:
    for offset, length in ((-1, 3), (2**62, 3), (9, 7)):
        kernel = Kernel()
        octets, batch = batch_of([(0, b"abc"), (0, b"def"), (0, b"ghi")])
        batch.payload_offset[1], batch.payload_length[1] = offset, length + octets.size
        assert kernel.sign(octets, batch, 0, 3) == -1 - 1
        assert kernel.new() == [(0, 0)]


def test_days_of_gives_the_days_of_rows_with_payload() -> None:
    _, batch = batch_of([(-1, b"a"), (5, None), (DAY_US * 3, b"b"), (DAY_US * 3 - 1, b"b"), (0, b"c")])
    assert days_of(batch, 0, 5) == [-1, 0, 2, 3]
    assert days_of(batch, 0, 1) == [-1]
    assert days_of(batch, 1, 2) == []
    assert days_of(batch, 2, 4) == [2, 3]


@given(st.lists(st.tuples(st.integers(-3 * DAY_US, 3 * DAY_US), st.booleans()), max_size=30))
def test_days_are_those_that_a_set_of_them_has(rows: list[tuple[int, bool]]) -> None:
    _, batch = batch_of([(time, b"x" if speaks else None) for time, speaks in rows])
    assert days_of(batch, 0, len(rows)) == sorted({time // DAY_US for time, speaks in rows if speaks})
