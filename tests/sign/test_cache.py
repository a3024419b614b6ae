"""The cache's bounds in memory, what it learns from a store, and what it refuses."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from ims.records import PAYLOAD, packet_batch
from ims.sign.cache import Cache
from ims.sign.signer import Signer

from .collision import FIRST, SECOND

KEY = b"0123456789abcdef"


def stored(payloads, before=0, dtype=np.int32):
    """A store's payloads as Arrow lays them out: signatures, data, offsets (which needn't begin at 0)."""
    data = np.frombuffer(b"-" * before + b"".join(payloads), np.uint8)
    offsets = np.cumsum([before, *map(len, payloads)]).astype(dtype)
    signatures = np.frombuffer(b"".join(hashlib.md5(p).digest() for p in payloads), np.uint8).reshape(-1, 16)
    return signatures, data, offsets


def new_and_raw(cache, payloads, day=0):
    signer = Signer(cache, len(payloads))
    batch = packet_batch(len(payloads))
    octets = np.frombuffer(b"".join(payloads), np.uint8)
    batch.layers[:] = PAYLOAD
    batch.raw[:] = 0
    batch.time[:] = day * 86_400_000_000 + 3
    batch.payload_length[:] = [len(p) for p in payloads]
    batch.payload_offset[:] = np.cumsum([0, *map(len, payloads)])[:-1]
    signer.begin_batch()
    signer.sign(octets, batch, 0, len(payloads))
    assert [signer.signatures[e].tobytes() for e in batch.signature_entry] == [
        hashlib.md5(p).digest() for p in payloads
    ]
    return batch.new_payload.tolist(), batch.raw.tolist()


def test_the_default_takes_less_than_200_megabytes():
    cache = Cache(key=KEY)
    assert cache.capacity == 4_000_000
    assert cache.nbytes < 200e6


def test_memory_is_touched_only_as_it_fills():
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    new_and_raw(Cache(10, KEY), [b"a"])  # so that kernels are compiled
    before = resident()
    cache = Cache(key=KEY)
    new_and_raw(cache, [b"a", b"b"])
    assert resident() - before < 60e6
    assert cache.count == 2


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_payloads_loaded_from_a_store_are_known_on_their_day(dtype):
    cache = Cache(10, KEY)
    assert cache.load(7, *stored([b"a", b"bc", b"a"], before=3, dtype=dtype)) == 3
    assert cache.days == {7}
    assert cache.count == 2
    assert new_and_raw(cache, [b"a", b"bc", b"d"], day=7) == ([0, 0, 1], [0, 0, 0])
    assert new_and_raw(cache, [b"a"], day=8) == ([1], [0])


def test_of_loaded_payloads_with_the_same_md5_both_are_kept_raw():
    cache = Cache(10, KEY)
    cache.load(0, *stored([SECOND, b"x", FIRST]))
    assert new_and_raw(cache, [FIRST, SECOND, b"x"]) == ([0, 0, 0], [1, 1, 0])


def test_a_collision_is_remembered_when_other_days_are_forgotten():
    cache = Cache(10, KEY)
    cache.load(0, *stored([b"old", b"older"]))
    new_and_raw(cache, [FIRST, b"x", SECOND], day=1)
    assert cache.make_room([1])
    assert cache.days == {1} and cache.count == 3
    assert new_and_raw(cache, [SECOND, b"x", FIRST], day=1) == ([0, 0, 0], [1, 0, 0])


def test_loading_stops_where_the_cache_is_full():
    cache = Cache(2, KEY)
    assert cache.load(0, *stored([b"a", b"b", b"c"])) == 2
    assert cache.count == 2
    assert cache.load(0, *stored([b"a"])) == 1


def test_a_day_with_few_entries_is_not_worth_moving_all_the_others(monkeypatch):
    monkeypatch.setattr("ims.sign.cache.FEW_ENTRIES", 50)
    cache = Cache(200, KEY)
    many = [i.to_bytes(4) for i in range(150)]
    cache.load(1, *stored(many))
    cache.load(0, *stored(many[:10]))
    assert not cache.make_room([1])
    assert cache.days == {0, 1}
    assert cache.make_room([0])
    assert cache.days == {0} and cache.count == 10


def test_offsets_that_lie_are_refused():
    signatures, data, offsets = stored([b"abc", b"de"])
    for at, lie in ((2, 6), (1, 4_000_000), (0, -1), (1, -(2**31)), (2, 1)):
        wrong = offsets.copy()
        wrong[at] = lie
        with pytest.raises(ValueError, match="outside its column of 5 octets"):
            Cache(10, KEY).load(0, signatures, data, wrong)


def test_columns_that_do_not_fit_each_other_are_refused():
    signatures, data, offsets = stored([b"abc", b"de"])
    with pytest.raises(ValueError, match="2 offsets for 2 signatures"):
        Cache(10, KEY).load(0, signatures, data, offsets[:2])
    with pytest.raises(ValueError, match=r"expected uint8 \(n, 16\)"):
        Cache(10, KEY).load(0, signatures[:, :8], data, offsets)


def test_a_cache_without_secret_or_size_is_refused():
    with pytest.raises(ValueError, match="expected 16 secret ones"):
        Cache(10)
    with pytest.raises(ValueError, match="a cache of 0 signatures"):
        Cache(0, KEY)


def test_another_secret_gives_other_keys():
    first, second = Cache(10, KEY), Cache(10, KEY[::-1])
    first.load(0, *stored([b"a"]))
    second.load(0, *stored([b"a"]))
    assert first.arrays.entries[0, 0] != second.arrays.entries[0, 0]
    assert (first.arrays.entries[0, 2:] == second.arrays.entries[0, 2:]).all()
