"""The payloads seen on each UTC day, in bounded memory (section 3.3 of the paper: the payload cache).

An entry is the payload's key (16 octets) and its MD5 (16 octets). Two tables of slots lead to it: one by key, one by
MD5. The second finds payloads whose MD5 another payload of the day already has: their packets are kept raw, because
a signature alone would give back the wrong bytes. Senders can choose MD5s, so slots of both tables are chosen by
SipHash under secret keys, and probing stays short.

A payload's key is 128 bits of SipHash-1-3 under a secret key of the UTC day. Each day's keys are derived from the
sensor's secret by SipHash-2-4 of the day's number, so one table may hold several days, and midnight changes nothing.
Among 2**32 payloads a day, two share a key with a probability of 2**-65, and nobody without the secret can search for
such two.

Memory for 4 million entries: 2 tables x 6 million slots x 4 octets, 32 octets an entry, 5 of bookkeeping: 196 MB,
touched as it fills.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import numpy as np

from ims.kernels import MASK64, kernel
from ims.siphash import siphash128_1_3, siphash128_1_3_pair, siphash128_2_4_pair

DAYS = 120
"""UTC days that fit at once. Only a capture with damaged clocks has more in one batch."""
FEW_ENTRIES = 1 << 17
"""Up to so many entries are moved however few that frees."""
NO_DAY = -(2**63)
COLLIDED = 0x80
"""In `marks`: another payload of the day has the same MD5."""
DAY_MARK = 0x7F

Array = np.ndarray[Any, Any]


class CacheArrays(NamedTuple):
    """A cache as kernels see it. Entries are numbered in the order they came; a slot holds the entry's number plus one
    in the low bits, bits of the hash above (so that few entries are compared in vain), and 0 where it is free."""

    key_slots: Array  # uint32; about a third is always free, so probing ends
    md5_slots: Array  # uint32; of payloads with the same MD5, it leads to the first
    entries: Array  # uint64 (capacity, 4): key, MD5, least significant octet first
    marks: Array  # uint8 (capacity): index into `days`, and COLLIDED
    batch_index: Array  # int32 (capacity), never cleared: where in the batch's signatures the entry is, if it is there
    days: Array  # int64 (DAYS): day numbers, NO_DAY where free
    day_keys: Array  # uint64 (DAYS, 4), see derive_day_keys
    day_entries: Array  # int64 (DAYS): entries of each day
    used: Array  # int64 (1): entries in use
    entry_mask: int  # the low bits of a slot that hold the entry's number plus one


# These kernels take arrays, not CacheArrays: fetching an array from a tuple costs two atomic operations, and 80
# arguments a call (measured over a flood of new payloads: 1.0 -> 1.3 million rows a second).
@kernel
def derive_day_keys(key0, key1, day, keys, row):
    """Fill keys[row, 0:4] for a day's number (all uint64): two words that key the day's payloads, two its MD5s."""
    keys[row, 0], keys[row, 1] = siphash128_2_4_pair(day, np.uint64(1), key0, key1)
    keys[row, 2], keys[row, 3] = siphash128_2_4_pair(day, np.uint64(2), key0, key1)


@kernel
def _first_slot(slots, digest):
    return np.int64((digest >> np.uint64(32)) * np.uint64(slots.size) >> np.uint64(32))


@kernel
def find_key(slots, entries, mask, key0, key1):
    """Number of the entry with this key; where there is none, -1 minus the free slot that it would take.

    slots: key_slots; mask: entry_mask."""
    tag = np.int64(key0 & np.uint64(0xFFFFFFFF)) & ~mask
    at = _first_slot(slots, key0)
    while True:
        slot = np.int64(slots[at])
        if slot == 0:
            return -1 - at
        if slot & ~mask == tag:
            entry = (slot & mask) - 1
            if entries[entry, 0] == key0 and entries[entry, 1] == key1:
                return entry
        at += 1
        if at == slots.size:
            at = 0


@kernel
def find_md5(slots, entries, marks, mask, low, high, day, digest):
    """Number of the first entry of the day with this MD5; else -1 minus the free slot that it would take.

    slots: md5_slots; mask: entry_mask; day: index among the cache's days; digest: md5_digest's."""
    tag = np.int64(digest & np.uint64(0xFFFFFFFF)) & ~mask
    at = _first_slot(slots, digest)
    while True:
        slot = np.int64(slots[at])
        if slot == 0:
            return -1 - at
        if slot & ~mask == tag:
            entry = (slot & mask) - 1
            if entries[entry, 2] == low and entries[entry, 3] == high and np.int64(marks[entry]) & DAY_MARK == day:
                return entry
        at += 1
        if at == slots.size:
            at = 0


@kernel
def md5_digest(day_keys, day, low, high):
    """The secret hash that places an MD5 (two words) of the day with index `day`."""
    digest, _ = siphash128_1_3_pair(low, high, day_keys[day, 2], day_keys[day, 3])
    return digest


@kernel
def link(slots, slot, mask, digest, entry):
    """Lead from a free slot to `entry`."""
    slots[slot] = np.int64(digest & np.uint64(0xFFFFFFFF)) & ~mask | entry + 1


@kernel
def put_entry(entries, number, key0, key1, low, high):
    """Write an entry's key and MD5, two words each."""
    entries[number, 0], entries[number, 1], entries[number, 2], entries[number, 3] = key0, key1, low, high


@kernel
def _load(cache, day, signatures, data, offsets):
    """Enter stored payloads. Returns how many are known now, or -1 minus the first with wrong offsets."""
    entries, marks, day_keys, mask = cache.entries, cache.marks, cache.day_keys, cache.entry_mask
    key_slots, md5_slots, used, day_entries = cache.key_slots, cache.md5_slots, cache.used, cache.day_entries
    for i in range(signatures.shape[0]):
        at = np.int64(offsets[i])
        n = np.int64(offsets[i + 1]) - at
        if at < 0 or n < 0 or at > data.size - n:
            return -1 - i
        key0, key1 = siphash128_1_3(data, at, n, day_keys[day, 0], day_keys[day, 1])
        entry = find_key(key_slots, entries, mask, key0, key1)
        if entry >= 0:
            continue
        number = used[0]
        if number == marks.size:
            return i
        link(key_slots, -1 - entry, mask, key0, number)
        low, high = signatures[i, 0], signatures[i, 1]
        put_entry(entries, number, key0, key1, low, high)
        marks[number] = day
        digest = md5_digest(day_keys, day, low, high)
        owner = find_md5(md5_slots, entries, marks, mask, low, high, day, digest)
        if owner >= 0:
            # A store's rows don't show which of the two was first: keep the packets of both raw.
            marks[owner] |= COLLIDED
            marks[number] |= COLLIDED
        else:
            link(md5_slots, -1 - owner, mask, digest, number)
        day_entries[day] += 1
        used[0] = number + 1
    return signatures.shape[0]


@kernel
def _keep_days(cache, keep):
    """Drop the entries of days whose index isn't kept (bool array), and renumber the others."""
    entries, marks, day_keys, mask = cache.entries, cache.marks, cache.day_keys, cache.entry_mask
    key_slots, md5_slots = cache.key_slots, cache.md5_slots
    key_slots[:] = 0
    md5_slots[:] = 0
    kept = np.int64(0)
    for entry in range(cache.used[0]):
        day = np.int64(marks[entry]) & DAY_MARK
        if not keep[day]:
            continue
        key0, key1, low, high = entries[entry, 0], entries[entry, 1], entries[entry, 2], entries[entry, 3]
        digest = md5_digest(day_keys, day, low, high)
        owner = find_md5(md5_slots, entries, marks, mask, low, high, day, digest)
        if owner < 0:
            link(md5_slots, -1 - owner, mask, digest, kept)
        link(key_slots, -1 - find_key(key_slots, entries, mask, key0, key1), mask, key0, kept)
        put_entry(entries, kept, key0, key1, low, high)
        marks[kept] = marks[entry]
        kept += 1
    cache.used[0] = kept


class Cache:
    """The payloads seen on each UTC day; one thread at a time. `key`: the sensor's secret of 16 octets. Raises
    ValueError for another length, or a capacity outside 1 to 2**28."""

    def __init__(self, capacity: int = 4_000_000, key: bytes = b"") -> None:
        if len(key) != 16:
            raise ValueError(f"the cache's key has {len(key)} octets; expected 16 secret ones")
        if not 1 <= capacity <= 1 << 28:
            raise ValueError(f"a cache of {capacity} signatures; expected 1 to {1 << 28}")
        self.capacity, self.key = capacity, key
        self.renumbered = 0
        """how often entries got new numbers"""
        self._key = np.frombuffer(key, "<u8")
        slots = capacity * 3 // 2 + 1
        self.arrays = CacheArrays(
            key_slots=np.zeros(slots, np.uint32),
            md5_slots=np.zeros(slots, np.uint32),
            entries=np.empty((capacity, 4), np.uint64),
            marks=np.empty(capacity, np.uint8),
            batch_index=np.empty(capacity, np.int32),
            days=np.full(DAYS, NO_DAY, np.int64),
            day_keys=np.zeros((DAYS, 4), np.uint64),
            day_entries=np.zeros(DAYS, np.int64),
            used=np.zeros(1, np.int64),
            entry_mask=(1 << capacity.bit_length()) - 1,
        )

    @property
    def count(self) -> int:
        """Entries in use."""
        return int(self.arrays.used[0])

    @property
    def nbytes(self) -> int:
        """Octets of memory that the cache takes when it is full."""
        return sum(array.nbytes for array in self.arrays[:-1])

    @property
    def days(self) -> frozenset[int]:
        """The UTC days (counted from 1970-01-01) that the cache knows. The store's payloads of another day have to be
        loaded before that day's packets are signed, else they count as new again."""
        days = self.arrays.days
        return frozenset(days[days != NO_DAY].tolist())

    def admit(self, days: Iterable[int]) -> None:
        """Make these days known; others are forgotten if there are too many. Days that don't fit stay unknown, and
        their payloads are signed without being entered."""
        expected = set(days)
        fresh = sorted(expected - self.days)
        if len(fresh) > DAYS - len(self.days):
            self.make_room(expected)
        free = np.flatnonzero(self.arrays.days == NO_DAY).tolist()
        for index, day in zip(free, fresh, strict=False):
            self.arrays.days[index] = day
            tweak = np.uint64(day & MASK64)  # days before 1970 are negative
            derive_day_keys(self._key[0], self._key[1], tweak, self.arrays.day_keys, index)

    def make_room(self, keep: Collection[int]) -> bool:
        """Forget every day that isn't in `keep`; whether entries became free.

        Days with entries are only forgotten if that frees an eighth of all or there are few to move (0.25 us each), so
        that a capture with damaged clocks can't cause this for every batch.
        """
        arrays = self.arrays
        kept = np.isin(arrays.days, np.fromiter(keep, np.int64))
        freed = int(arrays.day_entries[~kept].sum())
        forget = ~kept & ((freed >= self.count // 8 or self.count <= FEW_ENTRIES) | (arrays.day_entries == 0))
        freed = int(arrays.day_entries[forget].sum())
        if freed:
            _keep_days(arrays, ~forget)
            self.renumbered += 1
        arrays.days[forget] = NO_DAY
        arrays.day_entries[forget] = 0
        return freed > 0

    def load(self, day: int, signatures: Array, data: Array, offsets: Array) -> int:
        """Enter payloads that the store already holds for a day; returns how many of them are known now (not all where
        the cache is full).

        signatures: uint8 (n, 16), their MD5s; data: uint8, offsets: int32 or int64 (n + 1), as in Arrow's binary
        arrays. Raises ValueError where the shapes don't fit or an offset lies outside `data`.
        """
        if signatures.ndim != 2 or signatures.shape[1] != 16 or signatures.dtype != np.uint8:
            raise ValueError(f"signatures of shape {signatures.shape}; expected uint8 (n, 16)")
        if len(offsets) != len(signatures) + 1:
            raise ValueError(f"{len(offsets)} offsets for {len(signatures)} signatures; expected one more")
        self.admit([day])
        index = np.flatnonzero(self.arrays.days == day)
        if index.size == 0:
            return 0
        words = np.ascontiguousarray(signatures).view("<u8")
        known = int(_load(self.arrays, int(index[0]), words, data, offsets))
        if known < 0:
            raise ValueError(
                f"stored payload {-1 - known} lies outside its column of {data.size} octets; the store is damaged"
            )
        return known
