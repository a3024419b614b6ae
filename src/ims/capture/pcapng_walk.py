"""Walk the packet blocks of a pcapng section (draft-ietf-opsawg-pcapng, section 4) that lie in one buffer."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ims.capture.pcap_walk import LARGEST_CAPTURED
from ims.kernels import kernel
from ims.packet.octets import be16, be32, le16, le32

# Why a walk stopped: no whole block left; columns full; a block for Python to read (result[2]: its length); a block
# that can't be right (result[2]: the wrong length).
MORE, FULL, READ, DAMAGED = 0, 1, 2, 3

SECTION, INTERFACE, OLD_PACKET, SIMPLE_PACKET, STATISTICS, PACKET = 0x0A0D0D0A, 1, 2, 3, 5, 6
NO_LINK = 0xFFFF
LATEST_NS = 9_223_372_036_000_000_000
"""The last whole second that fits in int64, in the year 2262; its negative, in 1677, is the first."""
OPTION_DROPCOUNT = 4
UNKNOWN_DROPS = 0xFFFF
MOST_LOST = 1 << 62


class Interfaces(NamedTuple):
    """A section's interfaces, one array element each."""

    link: np.ndarray[Any, np.dtype[np.uint16]]
    snapshot: np.ndarray[Any, np.dtype[np.int64]]
    """longest captured length; 0: no limit"""
    resolution: np.ndarray[Any, np.dtype[np.uint8]]
    """if_tsresol: an exponent of 10, or of 2 with the highest bit set"""
    offset: np.ndarray[Any, np.dtype[np.int64]]
    """if_tsoffset in seconds"""
    dropped: np.ndarray[Any, np.dtype[np.int64]]
    """frames lost before a packet, as its block says, in all"""


@kernel
def split(units, resolution):
    """(whole seconds, nanoseconds) of so many units, as uint64 and int64."""
    exponent = np.int64(resolution) & 0x7F
    fraction = np.int64(0)
    if resolution & 0x80:
        seconds = np.uint64(0)
        rest = units
        if exponent < 64:
            seconds = units >> np.uint64(exponent)
            rest = units - (seconds << np.uint64(exponent))
        # rest * 10**9 / 2**exponent, by halves: neither product reaches 2**63
        high_part = np.int64(rest >> np.uint64(32)) * np.int64(1_000_000_000)
        low_part = np.int64(rest & np.uint64(0xFFFF_FFFF)) * np.int64(1_000_000_000)
        if exponent <= 32:
            fraction = low_part >> exponent
        else:
            fraction = (high_part + (low_part >> 32)) >> min(exponent - 32, 63)
    elif exponent <= 9:
        per_second = np.uint64(1)
        for _ in range(exponent):
            per_second = per_second * np.uint64(10)
        seconds = units // per_second
        fraction = np.int64(units - seconds * per_second)
        for _ in range(9 - exponent):
            fraction = fraction * 10
    else:
        for _ in range(min(exponent - 9, 20)):
            units = units // np.uint64(10)
        seconds = units // np.uint64(1_000_000_000)
        fraction = np.int64(units - seconds * np.uint64(1_000_000_000))
    return seconds, fraction


@kernel
def nanoseconds(high, low, resolution, offset):
    """A timestamp in nanoseconds since the epoch, negative before it; LATEST_NS or its negative beyond these. A number
    beyond them whose highest bit is set is a negative one written as unsigned (some writers do so before 1970)."""
    units = np.uint64(high) << np.uint64(32) | np.uint64(low)
    limit = np.int64(LATEST_NS // 1_000_000_000)
    far = np.int64(1) << 61  # two of them still fit
    shift = max(-far, min(far, np.int64(offset)))
    seconds, fraction = split(units, resolution)
    whole = np.int64(min(seconds, np.uint64(far))) + shift
    if -limit <= whole < limit:
        return whole * np.int64(1_000_000_000) + fraction
    if high & 0x8000_0000:
        seconds, fraction = split((units ^ np.uint64(0xFFFF_FFFF_FFFF_FFFF)) + np.uint64(1), resolution)
        past = shift - np.int64(min(seconds, np.uint64(far)))
        if -limit < past <= limit:
            return past * np.int64(1_000_000_000) - fraction
    return np.int64(LATEST_NS) if whole > 0 else -np.int64(LATEST_NS)


@kernel
def dropped_before(octets, at, end, swapped):
    """epb_dropcount among the options octets[at:end] of a packet block; 0 without it."""
    while at + 4 <= end:
        code = be16(octets, at) if swapped else le16(octets, at)
        length = be16(octets, at + 2) if swapped else le16(octets, at + 2)
        if code == 0 or at + 4 + length > end:
            break
        if code == OPTION_DROPCOUNT and length == 8:
            high = be32(octets, at + 4) if swapped else le32(octets, at + 8)
            low = be32(octets, at + 8) if swapped else le32(octets, at + 4)
            return min(high, np.int64(0xFFFF)) << 32 | low  # a few of them fit
        at += 4 + (length + 3) // 4 * 4
    return np.int64(0)


@kernel
def walk_pcapng(octets, begin, end, swapped, interfaces, interface_count, largest, frames, result):
    """Fill the columns of `frames` with the packets of octets[begin:end]; returns how many.

    Unknown blocks are skipped; section, interface and statistics blocks, and any longer than `largest`, are left to the
    caller. result[0] is where the next block begins, result[1] why the walk stopped; result[3] counts packets whose
    time is out of range. Losses that packet blocks report are added to `interfaces.dropped`.
    """
    count = 0
    at = begin
    result[1] = MORE
    while at + 12 <= end:
        kind = be32(octets, at) if swapped else le32(octets, at)
        total = be32(octets, at + 4) if swapped else le32(octets, at + 4)
        result[2] = total
        if kind == SECTION:
            result[1] = READ
            break
        if total < 12 or total % 4 != 0:
            result[1] = DAMAGED
            break
        if kind == INTERFACE or kind == STATISTICS or total > largest:
            result[1] = READ
            break
        if at + total > end:
            break
        trailer = be32(octets, at + total - 4) if swapped else le32(octets, at + total - 4)
        if trailer != total:
            result[1] = DAMAGED
            break
        if kind == PACKET or kind == OLD_PACKET or kind == SIMPLE_PACKET:
            if count == frames.offset.size:
                result[1] = FULL
                break
            least = 16 if kind == SIMPLE_PACKET else 32
            if total < least:
                result[1] = DAMAGED
                break
            time = np.int64(0)
            if kind == SIMPLE_PACKET:
                data = at + 12
                which = np.int64(0)
                length = be32(octets, at + 8) if swapped else le32(octets, at + 8)
                captured = min(length, total - 16)
                if interface_count > 0 and interfaces.snapshot[0] > 0:
                    captured = min(captured, interfaces.snapshot[0])
            else:
                data = at + 28
                if kind == PACKET:
                    which = be32(octets, at + 8) if swapped else le32(octets, at + 8)
                else:
                    which = be16(octets, at + 8) if swapped else le16(octets, at + 8)
                captured = be32(octets, at + 20) if swapped else le32(octets, at + 20)
                length = be32(octets, at + 24) if swapped else le32(octets, at + 24)
                if captured > total - 32:
                    result[1] = DAMAGED
                    result[2] = captured
                    break
                if which < interface_count:
                    high = be32(octets, at + 12) if swapped else le32(octets, at + 12)
                    low = be32(octets, at + 16) if swapped else le32(octets, at + 16)
                    time = nanoseconds(high, low, interfaces.resolution[which], interfaces.offset[which])
                    if time == LATEST_NS or time == -LATEST_NS:
                        result[3] += 1
                    if kind == OLD_PACKET:
                        drops = be16(octets, at + 10) if swapped else le16(octets, at + 10)
                        if drops != UNKNOWN_DROPS:
                            interfaces.dropped[which] += drops
                    elif total > 32 + (captured + 3) // 4 * 4:
                        end_of_data = data + (captured + 3) // 4 * 4
                        drops = dropped_before(octets, end_of_data, at + total - 4, swapped)
                        interfaces.dropped[which] = min(interfaces.dropped[which] + drops, MOST_LOST)
            if captured > LARGEST_CAPTURED:
                result[1] = DAMAGED
                result[2] = captured
                break
            frames.offset[count] = data
            frames.captured[count] = captured
            frames.length[count] = max(length, captured)
            frames.time[count] = time
            frames.link[count] = interfaces.link[which] if which < interface_count else NO_LINK
            count += 1
        at += total
    result[0] = at
    return count
