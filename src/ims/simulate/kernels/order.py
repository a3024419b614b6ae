"""From drafts to captures: sort a draft by time, write what is due as pcap records, carry the rest over."""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel, proven
from ims.packet.octets import copy_proven

RADIX = 11
NS = 1_000_000_000


@kernel
def sort_by_time(draft, since, keys, spare_keys, order, spare, counts):
    """Write the draft's rows in the order of time to `order` (int64, as long as the draft): a stable radix sort, 11
    bits at a time. Times lie at `since` or later. `counts`: int64 (2048,). Returns the number of rows."""
    rows, most = draft.used[0], 0
    for i in range(rows):
        keys[i] = draft.time[i] - since
        order[i] = i
        most = max(most, keys[i])
    shift = 0
    while most >> shift > 0:
        counts[:] = 0
        for i in range(rows):
            counts[keys[i] >> shift & 0x7FF] += 1
        total = 0
        for digit in range(counts.size):
            count = counts[digit]
            counts[digit] = total
            total += count
        for i in range(rows):
            digit = keys[i] >> shift & 0x7FF
            spare_keys[counts[digit]], spare[counts[digit]] = keys[i], order[i]
            counts[digit] += 1
        for i in range(rows):
            keys[i], order[i] = spare_keys[i], spare[i]
        shift += RADIX
    return rows


@kernel
def due(draft, order, low, high, until):
    """How far rows order[low:high] come before `until`."""
    while low < high:
        middle = (low + high) >> 1
        if draft.time[order[middle]] < until:
            low = middle + 1
        else:
            high = middle
    return low


@proven
def _le32(out, at, value):
    """The caller has checked that out[at:at+4] exists."""
    first = np.uint64(at)
    out[first] = value & 0xFF
    out[first + np.uint64(1)] = value >> 8 & 0xFF
    out[first + np.uint64(2)] = value >> 16 & 0xFF
    out[first + np.uint64(3)] = value >> 24 & 0xFF


@kernel
def write_records(draft, order, count, epoch, out):
    """Write the first `count` rows in order as pcap records (microseconds, little-endian; draft-ietf-opsawg-pcap) into
    `out`; returns the octets written, -1 where they have no room. `epoch`: ns since 1970 of the draft's time 0."""
    at = 0
    for i in range(count):
        row = order[i]
        length, begin = draft.length[row], draft.offset[row]
        if at + 16 + length > out.size or begin < 0 or length < 0 or begin + length > draft.octets.size:
            return -1
        time = epoch + draft.time[row]
        _le32(out, at, time // NS)
        _le32(out, at + 4, time % NS // 1000)
        _le32(out, at + 8, length)
        _le32(out, at + 12, length)
        copy_proven(draft.octets, begin, length, out, at + 16)
        at += 16 + length
    return at


@kernel
def carry_over(draft, order, count, rows, other):
    """Add the rows after the first `count` in order to the draft `other`; False where it has no room."""
    to, at = other.used[0], other.used[1]
    for i in range(count, rows):
        row = order[i]
        length, begin = draft.length[row], draft.offset[row]
        if to >= other.time.size or at + length > other.octets.size or begin < 0 or length < 0:
            return False
        if begin + length > draft.octets.size:
            return False
        copy_proven(draft.octets, begin, length, other.octets, at)
        other.time[to], other.offset[to], other.length[to] = draft.time[row], at, length
        other.event[to], other.block[to] = draft.event[row], draft.block[row]
        other.persona[to], other.hops[to] = draft.persona[row], draft.hops[row]
        other.payload[to], other.speaks[to] = draft.payload[row], draft.speaks[row]
        to, at = to + 1, at + length
    other.used[0], other.used[1] = to, at
    return True
