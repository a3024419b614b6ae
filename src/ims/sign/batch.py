"""Signs the rows of a batch: key, look-up, and the MD5 of what is new, in one pass."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ims.kernels import kernel
from ims.records import PAYLOAD
from ims.sign.cache import COLLIDED, enter, find_key, find_md5, md5_digest
from ims.sign.digest import md5
from ims.sign.key import DAY_US
from ims.siphash import siphash128_1_3

Array = np.ndarray[Any, Any]

UNCACHED, SAME_MD5 = 1, 2
"""Kinds of a found payload, as bits."""

# What sign_batch counts, as indices into Found.counts.
FOUND, HITS = 0, 1


class BatchSignatures(NamedTuple):
    """The distinct signatures of a batch. `CacheArrays.batch_index` and `entry` point at each other where an
    entry is among them (Briggs and Torczon, "An efficient representation for sparse sets", 1993), so the next
    batch only sets `used` to 0."""

    words: Array
    """uint64 (rows, 2): MD5s, least significant octet first"""
    entry: Array
    """int32 (rows): entry in the cache, -1 where it isn't there"""
    used: Array
    """int64 (1): signatures so far"""


class FoundArrays(NamedTuple):
    """New payloads that a call found."""

    rows: Array
    """int64: rows of the batch"""
    kinds: Array
    """uint8: UNCACHED, SAME_MD5"""
    counts: Array
    """int64 (2): FOUND, HITS"""


@kernel
def _append(signatures, entry, low, high):
    index = signatures.used[0]
    signatures.words[index, 0] = low
    signatures.words[index, 1] = high
    signatures.entry[index] = entry
    signatures.used[0] = index + 1
    return index


@kernel
def _day_index(cache, day):
    """Index of a day number among the cache's days, -1 where it has no place."""
    for index in range(cache.days.size):
        if cache.days[index] == day:
            return index
    return -1


@kernel
def sign_batch(octets, batch, first, last, cache, signatures, found, enter_new):
    """Sign rows first to last - 1 of a PacketBatch: fill `signature_entry` and `new_payload`, set `raw`
    where the signature belongs to another payload too, append to `found`.

    cache: CacheArrays, signatures: BatchSignatures, found: FoundArrays, with room for all the rows. Returns
    `last`; or, where the cache is full, the first row whose payload would have to be entered, unless
    `enter_new` is false; or -1 minus a row whose payload isn't inside `octets`.
    """
    day_begin = day_end = np.int64(0)
    day = np.int64(-1)
    for row in range(first, last):
        length = np.int64(batch.payload_length[row])
        if batch.layers[row] & PAYLOAD == 0 or length == 0:
            batch.signature_entry[row] = -1
            batch.new_payload[row] = 0
            continue
        at = batch.payload_offset[row]
        if at < 0 or at > octets.size - length:
            return -1 - row
        time = batch.time[row]
        if time < day_begin or time >= day_end:
            day_begin = time // DAY_US * DAY_US
            day_end = day_begin + DAY_US
            day = _day_index(cache, time // DAY_US)
        key0 = key1 = np.uint64(0)
        entry = np.int64(-1)
        if day >= 0:
            key0, key1 = siphash128_1_3(octets, at, length, cache.day_keys[day, 0], cache.day_keys[day, 1])
            entry = find_key(cache, key0, key1)
            if entry >= 0:
                found.counts[HITS] += 1
                batch.new_payload[row] = 0
                if cache.marks[entry] & COLLIDED:
                    batch.raw[row] = 1
                index = np.int64(cache.batch_index[entry])
                if index < 0 or index >= signatures.used[0] or signatures.entry[index] != entry:
                    index = _append(signatures, entry, cache.entries[entry, 2], cache.entries[entry, 3])
                    cache.batch_index[entry] = index
                batch.signature_entry[row] = index
                continue
        room = cache.used[0] < cache.marks.size
        if day >= 0 and enter_new and not room:
            return row
        low, high = md5(octets, at, length)
        kind = 0
        if day >= 0 and room:
            number = cache.used[0]
            if enter(cache, key0, key1, low, high, day, -1 - entry) >= 0:
                kind = SAME_MD5
            index = _append(signatures, number, low, high)
            cache.batch_index[number] = index
        else:
            kind = UNCACHED
            if day >= 0 and find_md5(cache, low, high, day, md5_digest(cache, low, high, day)) >= 0:
                kind |= SAME_MD5
            index = _append(signatures, -1, low, high)
        if kind & SAME_MD5:
            batch.raw[row] = 1
        batch.signature_entry[row] = index
        batch.new_payload[row] = 1
        new = found.counts[FOUND]
        found.rows[new] = row
        found.kinds[new] = kind
        found.counts[FOUND] = new + 1
    return last


@kernel
def day_range(batch, first, last):
    """First and last UTC day of the rows with payload; (0, -1) where there is none."""
    since = np.int64(2**63 - 1)
    until = np.int64(-(2**63))
    for row in range(first, last):
        if batch.layers[row] & PAYLOAD:
            since = min(since, batch.time[row])
            until = max(until, batch.time[row])
    if until < since:
        return np.int64(0), np.int64(-1)
    return since // DAY_US, until // DAY_US


def days_of(batch: Any, first: int, last: int) -> list[int]:
    """The UTC days of the rows with payload among first to last - 1, in order."""
    since, until = day_range(batch, first, last)
    if until - since <= 1:
        return [] if until < since else sorted({int(since), int(until)})
    with_payload = (batch.layers[first:last] & PAYLOAD) != 0
    days: list[int] = np.unique(batch.time[first:last][with_payload] // DAY_US).tolist()
    return days
