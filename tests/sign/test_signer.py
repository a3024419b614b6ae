"""The signer against a model in plain Python: what is new, each row's signature, and what a full cache does."""

import hashlib

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.records import PAYLOAD, packet_batch
from ims.settings.durations import DAY_US
from ims.sign.cache import DAYS, Cache
from ims.sign.signer import Signer

from ..effort import examples
from .collision import FIRST, MD5, SECOND

KEY = bytes(range(16))
EXAMPLES = 15 if numba.config.DISABLE_JIT else examples(150, 30)


def batch_of(packets, capacity=None):
    """A buffer and a batch of (time in microseconds, payload) pairs; a payload of None is none."""
    batch = packet_batch(capacity or max(1, len(packets)))
    for column in batch:
        column[:] = 0x55  # what was there before must not matter
    octets = b"\xee" * 7
    for row, (time, payload) in enumerate(packets):
        batch.time[row] = time
        batch.raw[row] = 0
        batch.layers[row] = 1 if payload is None else 1 | PAYLOAD
        batch.payload_length[row] = 0 if payload is None else len(payload)
        batch.payload_offset[row] = len(octets)
        octets += (payload or b"") + b"\xee"
    return np.frombuffer(octets, np.uint8), batch


def sign(signer, packets):
    """Sign packets as one batch; returns Found, the batch, and each row's signature (None without)."""
    octets, batch = batch_of(packets, 64)
    signer.begin_batch()
    found = signer.sign(octets, batch, 0, len(packets))
    table = signer.signatures
    entries = batch.signature_entry[: len(packets)].tolist()
    return found, batch, [None if entry < 0 else table[entry].tobytes() for entry in entries]


def md5s(packets):
    return [None if not payload else hashlib.md5(payload).digest() for _, payload in packets]


def signer(capacity=100):
    return Signer(Cache(capacity, KEY), 64)


def test_a_payload_is_new_once_a_day():
    packets = [(5, b"a"), (6, b"b"), (7, b"a"), (8, None), (9, b""), (DAY_US, b"a"), (DAY_US + 1, b"a")]
    found, batch, signatures = sign(signer(), packets)
    assert signatures == md5s(packets)
    assert batch.new_payload[:7].tolist() == [1, 1, 0, 0, 0, 1, 0]
    assert batch.signature_entry[:7].tolist() == [0, 1, 0, -1, -1, 2, 2]
    assert batch.raw[:7].tolist() == [0] * 7
    assert found.rows.tolist() == [0, 1, 5]
    assert not found.uncached.any() and not found.same_md5.any()
    assert found.hits == 2


def test_a_clock_that_steps_over_midnight_and_back_needs_nothing():
    _, batch, _ = sign(signer(), [(DAY_US - 1, b"a"), (DAY_US, b"a"), (DAY_US - 1, b"a"), (-1, b"a")])
    assert batch.new_payload[:4].tolist() == [1, 1, 0, 1]


def test_the_next_batch_starts_its_signatures_anew():
    subject = signer()
    sign(subject, [(0, b"a"), (0, b"b")])
    found, batch, signatures = sign(subject, [(0, b"b"), (0, b"c"), (0, b"b")])
    assert signatures == [hashlib.md5(p).digest() for p in (b"b", b"c", b"b")]
    assert len(subject.signatures) == 2
    assert batch.new_payload[:3].tolist() == [0, 1, 0]
    assert found.rows.tolist() == [1]


def test_parts_of_a_batch_share_its_signatures():
    subject = signer()
    octets, batch = batch_of([(0, b"a"), (0, b"b"), (0, b"a"), (0, b"c")])
    subject.begin_batch()
    assert subject.sign(octets, batch, 0, 2).rows.tolist() == [0, 1]
    assert subject.sign(octets, batch, 2, 4).rows.tolist() == [3]
    assert batch.signature_entry.tolist() == [0, 1, 0, 2]


def test_the_second_payload_with_the_same_md5_is_new_and_kept_raw():
    assert FIRST != SECOND
    assert hashlib.md5(FIRST).digest() == hashlib.md5(SECOND).digest() == MD5
    subject = signer()
    packets = [(0, FIRST), (1, SECOND), (2, FIRST), (3, SECOND), (DAY_US, SECOND)]
    found, batch, signatures = sign(subject, packets)
    assert batch.new_payload[:5].tolist() == [1, 1, 0, 0, 1]
    assert batch.raw[:5].tolist() == [0, 1, 0, 1, 0]
    assert set(signatures) == {MD5}
    assert found.same_md5.tolist() == [False, True, False]
    _, batch, _ = sign(subject, [(4, SECOND), (5, FIRST)])
    assert batch.raw[:2].tolist() == [1, 0]


def test_a_payload_whose_md5_is_known_is_kept_raw_even_when_the_cache_is_full():
    subject = signer(1)
    found, batch, _ = sign(subject, [(0, FIRST), (1, SECOND), (2, SECOND), (3, FIRST)])
    assert batch.raw[:4].tolist() == [0, 1, 1, 0]
    assert batch.new_payload[:4].tolist() == [1, 1, 1, 0]
    assert found.uncached.tolist() == [False, True, True]
    assert found.same_md5.tolist() == [False, True, True]


def test_a_full_cache_signs_without_entering():
    subject = signer(2)
    packets = [(0, b"a"), (0, b"b"), (0, b"c"), (0, b"c"), (0, b"a")]
    found, batch, signatures = sign(subject, packets)
    assert signatures == md5s(packets)
    assert batch.new_payload[:5].tolist() == [1, 1, 1, 1, 0]
    assert found.rows.tolist() == [0, 1, 2, 3]
    assert found.uncached.tolist() == [False, False, True, True]
    assert subject.cache.count == 2


def test_a_full_cache_forgets_days_gone_by():
    subject = signer(3)
    sign(subject, [(0, b"a"), (0, b"b"), (0, b"c")])
    found, batch, signatures = sign(subject, [(DAY_US, b"a"), (DAY_US, b"d"), (DAY_US, b"a")])
    assert found.rows.tolist() == [0, 1] and not found.uncached.any()
    assert batch.new_payload[:3].tolist() == [1, 1, 0]
    assert signatures == [hashlib.md5(p).digest() for p in (b"a", b"d", b"a")]
    assert subject.cache.days == {1}
    assert subject.missing_days(batch_of([(5, b"x")])[1], 0, 1) == [0]


def test_a_full_cache_forgets_no_day_that_the_rows_have():
    subject = signer(2)
    found, batch, _ = sign(subject, [(0, b"a"), (DAY_US, b"b"), (DAY_US, b"c"), (0, b"a"), (DAY_US, b"b")])
    assert batch.new_payload[:5].tolist() == [1, 1, 1, 0, 0]
    assert found.uncached.tolist() == [False, False, True]


def test_forgetting_in_the_middle_of_a_batch_leaves_its_signatures_right():
    subject = signer(3)
    sign(subject, [(0, b"old"), (0, b"older")])
    # One entry is free: "a" is entered, "b" makes the cache forget day 0, and "a" gets another number.
    packets = [(DAY_US, b"a"), (DAY_US, b"b"), (DAY_US, b"a"), (DAY_US, b"b"), (DAY_US, b"c")]
    found, batch, signatures = sign(subject, packets)
    assert signatures == md5s(packets)
    assert batch.new_payload[:5].tolist() == [1, 1, 0, 0, 1]
    assert not found.uncached.any()
    _, batch, signatures = sign(subject, packets)
    assert signatures == md5s(packets)
    assert not batch.new_payload[:5].any()


def test_more_days_than_fit_are_signed_without_being_entered():
    packets = [(day * DAY_US, b"a") for day in range(DAYS + 5) for _ in range(2)]
    subject = Signer(Cache(1000, KEY), len(packets))
    octets, batch = batch_of(packets)
    subject.begin_batch()
    found = subject.sign(octets, batch, 0, len(packets))
    assert int(found.uncached.sum()) == 10
    assert len(found.rows) == DAYS + 10
    assert len(subject.cache.days) == DAYS
    later = [(day * DAY_US, b"a") for day in range(1000, 1010)]
    octets, batch = batch_of(later)
    subject.begin_batch()
    assert not subject.sign(octets, batch, 0, 10).uncached.any()
    assert subject.cache.days == set(range(1000, 1010))


def test_a_payload_outside_the_buffer_is_refused():
    octets, batch = batch_of([(0, b"abc"), (0, b"def")])
    for offset, length in ((len(octets) - 1, 2), (-1, 3), (2**62, 3)):
        batch.payload_offset[1], batch.payload_length[1] = offset, length
        subject = signer()
        subject.begin_batch()
        with pytest.raises(ValueError, match="the payload of row 1 lies outside"):
            subject.sign(octets, batch, 0, 2)


def test_rows_outside_the_batch_are_refused():
    octets, batch = batch_of([(0, b"abc")])
    subject = signer()
    for first, last in ((0, 2), (-1, 1), (1, 0)):
        with pytest.raises(ValueError, match="of a batch of 1"):
            subject.sign(octets, batch, first, last)
    octets, batch = batch_of([(0, b"a")] * 65)
    with pytest.raises(ValueError, match="at most 64 in one batch"):
        subject.sign(octets, batch, 0, 65)


TIMES = st.sampled_from([0, 1, DAY_US - 1, DAY_US, DAY_US + 1, 2 * DAY_US, -1])
PAYLOADS = st.one_of(st.none(), st.binary(max_size=2), st.sampled_from([FIRST, SECOND, b"x" * 70]))


@settings(max_examples=EXAMPLES)
@given(st.lists(st.lists(st.tuples(TIMES, PAYLOADS), max_size=20), max_size=6), st.sampled_from([3, 1000]))
def test_any_batches_equal_the_model(batches, capacity):
    subject = signer(capacity)
    seen, owner = set(), {}
    for packets in batches:
        found, batch, signatures = sign(subject, packets)
        assert signatures == md5s(packets)
        new = [row for row in range(len(packets)) if batch.new_payload[row]]
        assert found.rows.tolist() == new
        assert found.hits + len(new) == sum(1 for _, payload in packets if payload)
        for row, (time, payload) in enumerate(packets):
            if not payload:
                continue
            day = time // DAY_US
            known = (day, payload) in seen
            seen.add((day, payload))
            first = owner.setdefault((day, hashlib.md5(payload).digest()), payload)
            if capacity == 1000:
                assert batch.new_payload[row] == (not known)
                assert batch.raw[row] == (first != payload)
            elif not known:
                assert batch.new_payload[row] == 1  # a full cache forgets, but never invents
        assert subject.cache.count <= capacity
