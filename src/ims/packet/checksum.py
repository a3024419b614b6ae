"""The Internet checksum (RFC 1071): ones' complement sums, and the field that a header should carry."""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel, proven
from ims.packet.octets import le64_proven


@kernel
def fold(total):
    """A sum of 16-bit words, with its carries added back: 0 to 0xFFFF."""
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@proven
def ones_sum(octets, at, length):
    """Folded ones' complement sum of `length` octets as 16-bit words in network order; -1 where they don't lie
    in `octets`.

    Proof for the unchecked reads: 0 <= at and at + length <= octets.size hold after the first lines; the first
    loop reads eight octets while eight are left, the second one while one is left.
    (Eight at a time: 90 octets in 8 ns; two at a time and checked: 52 ns.)
    """
    if at < 0 or length < 0 or at > octets.size or length > octets.size - at:  # no sum that could overflow
        return np.int64(-1)
    total, end, low = np.uint64(0), at + length, np.uint64(0xFFFFFFFF)
    while at + 8 <= end:
        word = le64_proven(octets, at)
        total += (word & low) + (word >> np.uint64(32))  # at most 2**33 a word: no overflow below 2**30 words
        at += 8
    tail, shift = np.uint64(0), 0
    while at < end:
        tail |= np.uint64(octets[at]) << np.uint64(shift)
        shift += 8
        at += 1
    total += (tail & low) + (tail >> np.uint64(32))
    while total > np.uint64(0xFFFF):
        total = (total & np.uint64(0xFFFF)) + (total >> np.uint64(16))
    swapped = np.int64(total)  # the sum of swapped words is the swapped sum (RFC 1071, section 2 B)
    return (swapped & 0xFF) << 8 | swapped >> 8


@kernel
def expected_field(total, field):
    """The checksum field that belongs to data whose sum, this field included, is `total` (pseudo-header and all).

    0 to 0xFFFE: data with any octet set never sums to zero, so its complement is never 0xFFFF.
    """
    return 0xFFFF - fold(total + 0xFFFF - field)


@kernel
def pseudo_header(source, destination, protocol, length):
    """Sum of the pseudo-header of TCP and UDP (RFC 9293, section 3.1); addresses as numbers."""
    return (source >> 16) + (source & 0xFFFF) + (destination >> 16) + (destination & 0xFFFF) + protocol + length
